/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_STAGE_H
#define EDGEQ_STAGE_H

/* The output stage of fast kernels: edgeq_requantize_sum of rounding.h, and the output offset. */

#include "isa/multiply_high.h"
#include "rounding.h"

#include <stdint.h>

/* Sums become floats, whose rounding depends on their size. */
#define EDGEQ_STAGE_ROUNDS_FLOATS

/* The words of a channel in an array of stages. */
enum { EDGEQ_STAGE_MULTIPLIER, EDGEQ_STAGE_ADDEND, EDGEQ_STAGE_SHIFT, EDGEQ_STAGE_WORDS };

/* An output before it is clamped. `twice` is two times the sum, bias included; `addend` is the
 * output offset; `shift` as that of edgeq_requantize_sum.
 *
 * Nearly always the product, in 2^-16 steps and below 2^15, is farther from a half than a float of
 * that size can be wrong by, 2^-9; then it rounds as the float does. */
static inline int32_t edgeq_stage(int32_t twice, int32_t multiplier, int32_t addend, int32_t shift)
{
    int32_t sum = twice >> 1;
    uint32_t magnitude = sum < 0 ? 0u - (uint32_t)sum : (uint32_t)sum;
    int32_t left = shift + 17;
    if (left >= 0 && left < 32 && magnitude < (1u << 24) &&
        (magnitude << left) >> left == magnitude) {
        uint64_t product = (uint64_t)(magnitude << left) * (uint32_t)multiplier;
        uint32_t steps = (uint32_t)(product >> 32);
        if ((steps & 0xFFFFu) - 0x7F00u > 0x200u) {
            int32_t rounded = (int32_t)((steps + 0x8000u) >> 16);
            return (sum < 0 ? -rounded : rounded) + addend;
        }
    }
    return edgeq_requantize_sum(sum, multiplier, shift) + addend;
}

/* The same for values that are no sums of products, which are not rounded as floats are; the words
 * are those of single rounding. */
static inline int32_t edgeq_stage_fraction(
    int32_t twice, int32_t multiplier, int32_t addend, int32_t shift)
{
    return edgeq_add_multiply_high(addend, twice, multiplier) >> shift;
}

#endif
