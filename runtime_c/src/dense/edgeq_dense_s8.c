/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/dense.h"

#include "fixedpoint.h"

static int32_t dot(
    const int8_t *input, const int8_t *weights, int32_t length, int32_t weight_offset)
{
    int32_t acc = 0;
    for (int32_t i = 0; i < length; i++) {
        acc += input[i] * (weights[i] + weight_offset);
    }
    return acc;
}

void edgeq_dense_s8(const struct edgeq_dense_params *params, const int8_t *input, int8_t *output)
{
    const struct edgeq_dense_params *p = params;
    for (int32_t b = 0; b < p->batches; b++, input += p->in_features) {
        const int8_t *weights = p->weights;
        for (int32_t o = 0; o < p->out_features; o++, weights += p->in_features) {
            int32_t sum = dot(input, weights, p->in_features, p->weight_offset);
            int32_t out = edgeq_output_stage(edgeq_wrapping_add(sum, p->bias[o]), p->multiplier[o],
                p->shift[o], p->output_offset, p->act_min, p->act_max);
            *output++ = (int8_t)out;
        }
    }
}
