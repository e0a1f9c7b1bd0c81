/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_SOFTMAX_RECIPROCAL_H
#define EDGEQ_SOFTMAX_RECIPROCAL_H

#include "softmax/row.h"

/* 1 / sum = scale * 2^-shift, scale in Q0. */
struct edgeq_reciprocal {
    int32_t scale;
    int32_t shift;
};

/* Of a sum in Q12. */
static inline struct edgeq_reciprocal edgeq_reciprocal(int32_t sum)
{
    int32_t zeros = edgeq_leading_zeros(sum);
    /* The highest bit is the 1 in 1 + x. */
    int32_t x = (int32_t)(((uint32_t)sum << zeros) - ((uint32_t)1 << 31));
    struct edgeq_reciprocal reciprocal = {edgeq_one_over_one_plus_x(x), 12 - zeros};
    return reciprocal;
}

/* The quotient of an exponential in Q0 by the sum, with `shift` bits fewer. */
static inline int32_t edgeq_quotient(struct edgeq_reciprocal reciprocal, int32_t exponential, int32_t shift)
{
    int32_t right = reciprocal.shift + shift;
    /* Beyond 31 less than half a step is left. */
    return right > 31
               ? 0
               : edgeq_rounding_shift_right(edgeq_doubling_high_mul(reciprocal.scale, exponential), right);
}

#endif
