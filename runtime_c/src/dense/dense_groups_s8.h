/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_DENSE_DENSE_GROUPS_S8_H
#define EDGEQ_DENSE_DENSE_GROUPS_S8_H

#include "edgeq/dense.h"
#include "fixedpoint.h"
#include "grouped_weights.h"
#include "store.h"

/* The whole layer, to outputs of `bytes` bytes. */
static inline void edgeq_dense_groups_of_s8(
    const struct edgeq_dense_groups_params *p, const int8_t *input, void *output, int32_t bytes)
{
    struct edgeq_grouped_weights weights = {p->weights, p->factors, p->weight_bits, p->group_size};
    int32_t groups = p->in_features / p->group_size;
    int32_t written = 0;
    for (int32_t b = 0; b < p->batches; b++, input += p->in_features) {
        for (int32_t o = 0; o < p->out_features; o++) {
            struct edgeq_weight_run run = {o * p->in_features, o * groups, 0, p->in_features};
            int32_t sum = edgeq_grouped_products_s8(&weights, run, input, 0);
            int32_t out = edgeq_output_stage(edgeq_wrapping_add(sum, p->bias[o]), p->multiplier[o],
                p->shift[o], p->output_offset, p->act_min, p->act_max);
            edgeq_store(output, written++, out, bytes);
        }
    }
}

#endif
