/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_FIXEDPOINT_H
#define EDGEQ_FIXEDPOINT_H

/* Fixed-point arithmetic of TensorFlow Lite Micro. `rounding.h` has edgeq_requantize and, for sums
 * of products, edgeq_requantize_sum; how they round is chosen by which of the headers of this name
 * is on the include path, or was copied. */

#include "gemmlowp.h"
#include "rounding.h"

#include <stdint.h>

static inline int32_t edgeq_clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : (x > high ? high : x);
}

/* The sum modulo 2^32, where a bias may be as large as int32 allows. */
static inline int32_t edgeq_wrapping_add(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* The output stage of every accumulating kernel: scale, add the zero point, clamp. Clamping first
 * keeps the addition in range. */
static inline int32_t edgeq_output_stage(
    int32_t acc, int32_t multiplier, int32_t shift, int32_t offset, int32_t low, int32_t high)
{
    int32_t scaled = edgeq_requantize_sum(acc, multiplier, shift);
    return edgeq_clamp(scaled, low - offset, high - offset) + offset;
}

/* The same for values that are no sums of products; the multiplier may be negative. */
static inline int32_t edgeq_fraction_stage(
    int32_t x, int32_t multiplier, int32_t shift, int32_t offset, int32_t low, int32_t high)
{
    int32_t scaled = edgeq_requantize(x, multiplier, shift);
    return edgeq_clamp(scaled, low - offset, high - offset) + offset;
}

/* The same for sums of 64 bits, whose magnitude is below 2^47: sum * multiplier * 2^(shift - 15)
 * with one rounding, halves up; multiplier in [0, 2^15), shift in [-31, 7]. */
static inline int32_t edgeq_output_stage64(
    int64_t sum, int32_t multiplier, int32_t shift, int32_t offset, int32_t low, int32_t high)
{
    int64_t half = (int64_t)1 << (14 - shift);
    int32_t scaled = (int32_t)((sum * multiplier + half) >> (15 - shift));
    return edgeq_clamp(scaled, low - offset, high - offset) + offset;
}

#endif
