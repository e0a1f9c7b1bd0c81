/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_DENSE_DENSE_S16_H
#define EDGEQ_DENSE_DENSE_S16_H

#include "edgeq/dense.h"
#include "fixedpoint.h"
#include "packed_weights.h"
#include "store.h"

/* The products of a row of inputs and the weights from number `first` on. */
static inline int64_t edgeq_dense_dot_s16(
    const struct edgeq_dense_s16_params *p, const int16_t *input, int32_t first, int packed)
{
    int64_t acc = 0;
    if (packed) {
        for (int32_t i = 0; i < p->in_features; i++, first++) {
            int32_t weight = edgeq_packed_weight(p->weights, first, p->weight_bits);
            acc += input[i] * (weight + p->weight_offset);
        }
        return acc;
    }
    const int8_t *weights = p->weights + first;
    const int32_t offset = p->weight_offset;
    for (int32_t i = 0; i < p->in_features; i++) {
        acc += input[i] * (weights[i] + offset);
    }
    return acc;
}

/* The whole layer, to outputs of `bytes` bytes; weights are bytes or `packed`. */
static inline void edgeq_dense_of_s16(const struct edgeq_dense_s16_params *p, const int16_t *input,
    void *output, int32_t bytes, int packed)
{
    int32_t written = 0;
    for (int32_t b = 0; b < p->batches; b++, input += p->in_features) {
        for (int32_t o = 0; o < p->out_features; o++) {
            int64_t sum = edgeq_dense_dot_s16(p, input, o * p->in_features, packed);
            int32_t out = edgeq_output_stage64(sum + p->bias[o], p->multiplier[o], p->shift[o],
                p->output_offset, p->act_min, p->act_max);
            edgeq_store(output, written++, out, bytes);
        }
    }
}

#endif
