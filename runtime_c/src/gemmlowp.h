/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_GEMMLOWP_H
#define EDGEQ_GEMMLOWP_H

/* The two roundings that gemmlowp builds its fixed-point arithmetic from. Right shifts of negative
 * values are arithmetic, and conversions to a narrower signed type keep the low bits: C leaves both
 * to the implementation, and every compiler for two's complement machines does them so. */

#include <stdint.h>

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

#endif
