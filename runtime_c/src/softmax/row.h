/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_SOFTMAX_ROW_H
#define EDGEQ_SOFTMAX_ROW_H

#include "fixedpoint.h"

/* What softmax needs to know of a row before it can compute the first output. Qn is fixed point
 * with n bits before the binary point. */

static inline int32_t edgeq_row_max(const int8_t *row, int32_t depth)
{
    int32_t max = row[0];
    for (int32_t i = 1; i < depth; i++) {
        max = row[i] > max ? row[i] : max;
    }
    return max;
}

/* The sum in Q12 of exp(row[i] - max), at least 1; below 2^12 for rows up to 4095. */
static inline int32_t edgeq_row_sum(
    const int8_t *row, int32_t depth, int32_t max, const int32_t *exponentials, int32_t differences)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < depth; i++) {
        int32_t difference = max - row[i];
        if (difference < differences) {
            sum += edgeq_rounding_shift_right(exponentials[difference], 12);
        }
    }
    return sum;
}

/* Zero bits above the highest one; x > 0. */
static inline int32_t edgeq_leading_zeros(int32_t x)
{
    int32_t zeros = 0;
    for (uint32_t bits = (uint32_t)x; bits >> 31 == 0; bits <<= 1) {
        zeros++;
    }
    return zeros;
}

/* x * 2^exponent, saturated. */
static inline int32_t edgeq_saturating_shift_left(int32_t x, int32_t exponent)
{
    int32_t limit = INT32_MAX >> exponent;
    return x > limit ? INT32_MAX : (x < -limit - 1 ? INT32_MIN : x * ((int32_t)1 << exponent));
}

/* 1 / (1 + x), both in Q0, for x in [0, 1], by three steps of Newton-Raphson division
 * from 48/17 - 32/17 * d in Q2, where d = (1 + x) / 2. */
static inline int32_t edgeq_one_over_one_plus_x(int32_t x)
{
    const int32_t one = 1 << 29;
    int32_t half_denominator = (int32_t)(((int64_t)x + INT32_MAX + 1) >> 1);
    int32_t quotient = 1515870810 + edgeq_doubling_high_mul(half_denominator, -1010580540);
    for (int32_t i = 0; i < 3; i++) {
        int32_t error = one - edgeq_doubling_high_mul(half_denominator, quotient);
        quotient += edgeq_saturating_shift_left(edgeq_doubling_high_mul(quotient, error), 2);
    }
    return edgeq_saturating_shift_left(quotient, 1);
}

#endif
