/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/softmax.h"

#include "softmax/exponential.h"
#include "softmax/reciprocal.h"
#include "softmax/row_s16.h"

static int32_t exponential(const struct edgeq_softmax_s16_s8_params *p, int32_t difference)
{
    return edgeq_exponential_s16(p->coarse, p->count, p->fine, difference);
}

/* The sum in Q12 of a row's exponentials, at least 1. */
static int32_t sum(const struct edgeq_softmax_s16_s8_params *p, const int16_t *row, int32_t max)
{
    int32_t total = 0;
    for (int32_t i = 0; i < p->depth; i++) {
        total += edgeq_rounding_shift_right(exponential(p, max - row[i]), 12);
    }
    return total;
}

/* The share in the row's sum, in output steps above the lowest. */
static int32_t steps(int32_t exponential_q0, struct edgeq_reciprocal reciprocal)
{
    /* A quotient in Q0 has 23 bits more than an output; beyond 31 less than half a step is left. */
    int32_t right = reciprocal.shift + 23;
    if (right > 31) {
        return 0;
    }
    return edgeq_rounding_shift_right(
        edgeq_doubling_high_mul(reciprocal.scale, exponential_q0), right);
}

void edgeq_softmax_s16_s8(
    const struct edgeq_softmax_s16_s8_params *params, const int16_t *input, int8_t *output)
{
    const struct edgeq_softmax_s16_s8_params p = *params;
    for (int32_t row = 0; row < p.rows; row++, input += p.depth) {
        int32_t max = edgeq_row_max_s16(input, p.depth);
        struct edgeq_reciprocal reciprocal = edgeq_reciprocal_of(sum(&p, input, max));
        for (int32_t i = 0; i < p.depth; i++) {
            int32_t out = steps(exponential(&p, max - input[i]), reciprocal) + INT8_MIN;
            *output++ = (int8_t)edgeq_clamp(out, INT8_MIN, INT8_MAX);
        }
    }
}
