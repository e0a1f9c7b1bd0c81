/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_MULTIPLY_HIGH_H
#define EDGEQ_ISA_MULTIPLY_HIGH_H

/* The upper half of a product, added to something. Compilers do not find the instruction. */

#include <stdint.h>

/* Cores that multiply to 32 bits only, for which a compiler calls a function. */
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
#define EDGEQ_LONG_MULTIPLY 0
#else
#define EDGEQ_LONG_MULTIPLY 1
#endif

/* a * b / 2^32 from products of halves, rounded down or, where `rounded` is 1, to nearest, halves
 * up; exact for all a and b. */
static inline int32_t edgeq_multiply_high_by_halves(int32_t a, int32_t b, int32_t rounded)
{
    int32_t a_low = a & 0xFFFF;
    int32_t b_low = b & 0xFFFF;
    int32_t lowest = (int32_t)(((uint32_t)a_low * (uint32_t)b_low) >> 16);
    int32_t middle = (a >> 16) * b_low + lowest;
    int32_t rest = a_low * (b >> 16) + (middle & 0xFFFF);
    int32_t high = (a >> 16) * (b >> 16) + (middle >> 16) + (rest >> 16);
    return high + ((rest >> 15) & rounded);
}

/* base + a * b / 2^32, rounded down. */
static inline int32_t edgeq_add_multiply_high(int32_t base, int32_t a, int32_t b)
{
#if defined(__ARM_FEATURE_DSP)
    int32_t result;
    __asm__("smmla %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(base));
    return result;
#elif EDGEQ_LONG_MULTIPLY
    return base + (int32_t)(((int64_t)a * b) >> 32);
#else
    return base + edgeq_multiply_high_by_halves(a, b, 0);
#endif
}

/* base + a * b / 2^32 to nearest, halves up. */
static inline int32_t edgeq_add_multiply_high_rounded(int32_t base, int32_t a, int32_t b)
{
#if defined(__ARM_FEATURE_DSP)
    int32_t result;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(base));
    return result;
#elif EDGEQ_LONG_MULTIPLY
    return base + (int32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32);
#else
    return base + edgeq_multiply_high_by_halves(a, b, 1);
#endif
}

#endif
