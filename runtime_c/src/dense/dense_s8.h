/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_DENSE_DENSE_S8_H
#define EDGEQ_DENSE_DENSE_S8_H

#include "edgeq/dense.h"
#include "fixedpoint.h"
#include "store.h"

static inline int32_t edgeq_dense_dot_s8(
    const int8_t *input, const int8_t *weights, int32_t length, int32_t weight_offset)
{
    int32_t acc = 0;
    for (int32_t i = 0; i < length; i++) {
        acc += input[i] * (weights[i] + weight_offset);
    }
    return acc;
}

/* The whole layer, to outputs of `bytes` bytes. */
static inline void edgeq_dense_of_s8(
    const struct edgeq_dense_params *p, const int8_t *input, void *output, int32_t bytes)
{
    int32_t written = 0;
    for (int32_t b = 0; b < p->batches; b++, input += p->in_features) {
        const int8_t *weights = p->weights;
        for (int32_t o = 0; o < p->out_features; o++, weights += p->in_features) {
            int32_t sum = edgeq_dense_dot_s8(input, weights, p->in_features, p->weight_offset);
            int32_t out = edgeq_output_stage(edgeq_wrapping_add(sum, p->bias[o]), p->multiplier[o],
                p->shift[o], p->output_offset, p->act_min, p->act_max);
            edgeq_store(output, written++, out, bytes);
        }
    }
}

#endif
