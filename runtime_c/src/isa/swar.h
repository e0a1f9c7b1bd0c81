/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_SWAR_H
#define EDGEQ_ISA_SWAR_H

/* Dot products with two int8 values in a word, for cores without SIMD.
 *
 * A pair is first + 2^16 * second. The product of the pairs (a, b) and (d, c) is, modulo 2^32,
 *
 *     a d + 2^16 (a c + b d)
 *
 * and as neither sum needs more than 16 bits unless all four are -128, the upper half, rounded to
 * nearest, is a c + b d: two products for one multiplication. Weights that are both -128 are
 * refused when the model is compiled. */

#include "out_of_line.h"

#include <stdint.h>
#include <string.h>

/* Whether the inner loops are those for Armv6-M and Armv8-M Baseline, in assembly. clang keeps some
 * of the eight registers for itself, so that it cannot allocate what they need. */
#if defined(__thumb__) && !defined(__thumb2__) && !defined(__clang__)
#define EDGEQ_THUMB 1
#else
#define EDGEQ_THUMB 0
#endif

/* The word at an address that is a multiple of 4. */
static inline int32_t edgeq_aligned_word(const void *from)
{
    int32_t word;
#if defined(__GNUC__)
    memcpy(&word, __builtin_assume_aligned(from, 4), sizeof word);
#else
    memcpy(&word, from, sizeof word);
#endif
    return word;
}

static inline int edgeq_is_aligned(const void *address)
{
    return ((uintptr_t)address & 3) == 0;
}

/* A pair of two int8 values. */
static inline int32_t edgeq_pair(int32_t first, int32_t second)
{
    return (int32_t)((uint32_t)first + ((uint32_t)second << 16));
}

/* The sum of products in the product of two pairs. */
static inline int32_t edgeq_pair_dot(int32_t x, int32_t weights)
{
    uint32_t product = (uint32_t)x * (uint32_t)weights;
    return (int32_t)(product + 0x8000u) >> 16;
}

/* A word of weights has two pairs in its even and in its odd bytes; all bytes but the highest
 * one are values plus 128. */
static inline int32_t edgeq_even_pair(int32_t weights)
{
    return (int32_t)(((uint32_t)weights & 0x00FF00FFu) - 0x00800080u);
}

static inline int32_t edgeq_odd_pair(int32_t weights)
{
    return ((int32_t)((uint32_t)weights & 0xFF00FF00u) >> 8) - 128;
}

/* Four int8 values in a word, in little-endian order, as an even pair (0, 2) and an odd pair
 * (1, 3). */
static inline void edgeq_split_word(int32_t word, int32_t *even, int32_t *odd)
{
    uint32_t bytes = (uint32_t)word ^ 0x80808080u;
    *even = edgeq_even_pair((int32_t)bytes);
    *odd = edgeq_even_pair((int32_t)(bytes >> 8));
}

#endif
