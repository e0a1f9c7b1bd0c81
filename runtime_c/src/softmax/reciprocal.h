/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_SOFTMAX_RECIPROCAL_H
#define EDGEQ_SOFTMAX_RECIPROCAL_H

#include "edgeq/softmax.h"
#include "softmax/row.h"

/* 1 / sum = scale * 2^-shift, scale in Q0. */
struct edgeq_reciprocal {
    int32_t scale;
    int32_t shift;
};

/* Of a sum in Q12. */
static inline struct edgeq_reciprocal edgeq_reciprocal_of(int32_t sum)
{
    int32_t zeros = edgeq_leading_zeros(sum);
    /* The highest bit is the 1 in 1 + x. */
    int32_t x = (int32_t)(((uint32_t)sum << zeros) - ((uint32_t)1 << 31));
    struct edgeq_reciprocal reciprocal = {edgeq_one_over_one_plus_x(x), 12 - zeros};
    return reciprocal;
}

/* The share in the row's sum, in output steps above the lowest, of an element that is `difference`
 * below the largest one. */
static inline int32_t edgeq_softmax_steps(
    const struct edgeq_softmax_params *p, struct edgeq_reciprocal reciprocal, int32_t difference)
{
    int32_t right = reciprocal.shift + p->output_shift;
    /* Beyond 31 less than half a step is left. */
    if (difference >= p->differences || right > 31) {
        return 0;
    }
    int32_t quotient = edgeq_doubling_high_mul(reciprocal.scale, p->exponentials[difference]);
    return edgeq_rounding_shift_right(quotient, right);
}

#endif
