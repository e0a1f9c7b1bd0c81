/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_DENSE_DENSE_S8_MVE_H
#define EDGEQ_DENSE_DENSE_S8_MVE_H

#include "edgeq/dense.h"
#include "isa/mve_rows.h"

/* The whole layer; weights are bytes or `packed`. */
static inline void edgeq_dense_of_s8_mve(const struct edgeq_dense_mve_params *p,
    const int8_t *input, int8_t *output, void *scratch, int packed)
{
    int32_t blocks = (p->in_features + EDGEQ_ROWS_ELEMENTS - 1) / EDGEQ_ROWS_ELEMENTS;
    const int8_t *end = input + p->batches * p->in_features;
    int8_t *to = output;
    struct edgeq_mve_rows rows = {
        .rows = p->out_features,
        .weights = p->weights,
        .output_offset = p->output_offset,
        .stages = p->stages,
    };
    edgeq_set_row_blocks(&rows, blocks, packed);
    for (; input < end; input += p->in_features, to += p->out_features) {
        rows.input = input;
        rows.output = to;
        /* The loads of the last vectors go past the input, up to 15 bytes. */
        if (blocks * EDGEQ_ROWS_ELEMENTS > end - input) {
            edgeq_mve_copy(scratch, input, p->in_features);
            rows.input = scratch;
        }
        if (packed) {
            edgeq_mve_run_packed_rows(&rows);
        } else {
            edgeq_mve_run_rows(&rows);
        }
    }
    if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
        edgeq_mve_clamp(output, p->act_min, p->act_max, p->batches * p->out_features);
    }
}

#endif
