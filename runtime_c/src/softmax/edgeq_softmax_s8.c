/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/softmax.h"

#include "softmax/reciprocal.h"

void edgeq_softmax_s8(
    const struct edgeq_softmax_params *params, const int8_t *input, int8_t *output)
{
    const struct edgeq_softmax_params *p = params;
    for (int32_t row = 0; row < p->rows; row++, input += p->depth) {
        int32_t max = edgeq_row_max(input, p->depth);
        int32_t sum = edgeq_row_sum(input, p->depth, max, p->exponentials, p->differences);
        struct edgeq_reciprocal reciprocal = edgeq_reciprocal_of(sum);
        for (int32_t i = 0; i < p->depth; i++) {
            int32_t steps = edgeq_softmax_steps(p, reciprocal, max - input[i]);
            *output++ = (int8_t)edgeq_clamp(steps + INT8_MIN, INT8_MIN, INT8_MAX);
        }
    }
}
