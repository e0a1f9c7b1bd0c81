/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ROUNDING_H
#define EDGEQ_ROUNDING_H

/* Requantization rounds once, as CMSIS-NN does with CMSIS_NN_USE_SINGLE_ROUNDING. */

#include <stdint.h>

/* x * multiplier * 2^(shift - 31) to nearest, halves up; shift in [-31, 30]; the result wraps. The
 * product is below 2^62, and the half step at most 2^61. */
static inline int32_t edgeq_requantize(int32_t x, int32_t multiplier, int32_t shift)
{
    int64_t half = (int64_t)1 << (30 - shift);
    return (int32_t)(((int64_t)x * multiplier + half) >> (31 - shift));
}

/* The same: sums of products are requantized as everything else is. */
static inline int32_t edgeq_requantize_sum(int32_t x, int32_t multiplier, int32_t shift)
{
    return edgeq_requantize(x, multiplier, shift);
}

#endif
