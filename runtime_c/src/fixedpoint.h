/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_FIXEDPOINT_H
#define EDGEQ_FIXEDPOINT_H

/* Fixed-point arithmetic of TensorFlow Lite Micro (gemmlowp). Right shifts of negative values are
 * arithmetic, and conversions to a narrower signed type keep the low bits: C leaves both to the
 * implementation, and every compiler for two's complement machines does them so. */

#include <stdint.h>

static inline int32_t edgeq_clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : (x > high ? high : x);
}

/* a * b * 2 / 2^32, rounded to nearest, halves up; INT32_MIN squared saturates. */
static inline int32_t edgeq_doubling_high_mul(int32_t a, int32_t b)
{
    if (a == INT32_MIN && b == INT32_MIN) {
        return INT32_MAX;
    }
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^exponent, rounded half away from zero; exponent in [0, 31]. */
static inline int32_t edgeq_rounding_shift_right(int32_t x, int32_t exponent)
{
    int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1);
    int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> exponent) + ((x & mask) > threshold);
}

/* x * multiplier * 2^(shift - 31) with two roundings; the left shift wraps. */
static inline int32_t edgeq_requantize(int32_t x, int32_t multiplier, int32_t shift)
{
    int32_t left = shift > 0 ? shift : 0;
    int32_t right = shift > 0 ? 0 : -shift;
    int32_t shifted = (int32_t)((uint32_t)x << left);
    return edgeq_rounding_shift_right(edgeq_doubling_high_mul(shifted, multiplier), right);
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
    int32_t scaled = edgeq_requantize(acc, multiplier, shift);
    return edgeq_clamp(scaled, low - offset, high - offset) + offset;
}

#endif
