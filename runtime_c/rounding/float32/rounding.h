/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ROUNDING_H
#define EDGEQ_ROUNDING_H

/* Sums of products are requantized as ONNX Runtime does with floats, bit for bit, in integers. */

#include <stdint.h>

/* x * multiplier * 2^(shift - 31) to nearest, halves up; shift in [-31, 30]; the result wraps. */
static inline int32_t edgeq_requantize(int32_t x, int32_t multiplier, int32_t shift)
{
    int64_t half = (int64_t)1 << (30 - shift);
    return (int32_t)(((int64_t)x * multiplier + half) >> (31 - shift));
}

/* x / 2^exponent to nearest, halves to even; exponent in [0, 63]. */
static inline uint64_t edgeq_round_to_even(uint64_t x, int32_t exponent)
{
    uint64_t whole = x >> exponent;
    uint64_t rest = x - (whole << exponent);
    uint64_t half = ((uint64_t)1 << exponent) >> 1;
    return whole + (uint64_t)(rest > half || (rest == half && half != 0 && (whole & 1) != 0));
}

/* What a float32 keeps of x: the 24 highest bits from its first 1 on. */
static inline uint64_t edgeq_float32(uint64_t x)
{
    int32_t dropped = 0;
    for (int32_t step = 32; step > 0; step /= 2) {
        dropped += (x >> (dropped + step)) >> 23 != 0 ? step : 0;
    }
    dropped += (x >> dropped) >> 24 != 0;
    return edgeq_round_to_even(x, dropped) << dropped;
}

/* The product of two floats, x and multiplier * 2^(shift - 31), rounded to an integer, halves to
 * even; saturates. The multiplier is not negative; it is a float if it has 24 significant bits. */
static inline int32_t edgeq_requantize_sum(int32_t x, int32_t multiplier, int32_t shift)
{
    uint64_t magnitude = x < 0 ? (uint64_t)0 - (uint64_t)(int64_t)x : (uint64_t)x;
    uint64_t product = edgeq_float32(edgeq_float32(magnitude) * (uint64_t)multiplier);
    uint64_t rounded = edgeq_round_to_even(product, 31 - shift);
    int32_t result = rounded > INT32_MAX ? INT32_MAX : (int32_t)rounded;
    return x < 0 ? -result : result;
}

#endif
