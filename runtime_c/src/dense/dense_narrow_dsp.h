/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_DENSE_DENSE_NARROW_DSP_H
#define EDGEQ_DENSE_DENSE_NARROW_DSP_H

/* A fully connected layer with weights of EDGEQ_WEIGHT_BITS bits, which who includes this file
 * defines. */

#include "dense/widen_row_dsp.h"
#include "edgeq/dense.h"
#include "isa/narrow_1x8.h"

static inline void edgeq_dense_narrow_dsp(
    const struct edgeq_dense_dsp_params *p, const int8_t *input, int8_t *output, void *scratch)
{
    int8_t last[8]; /* the features that do not make eight */
    struct edgeq_row_1x8 row;
    int32_t words = (p->in_features + 3) / 4 * 2;
    edgeq_set_words(&row, (const int32_t *)scratch, words + p->sums - 1);
    row.weights = p->weights;
    row.bias = p->bias;
    row.whole = p->out_features & ~7;
    row.rest = last;
    row.rest_end = row.whole < p->out_features ? last + 8 : NULL;
    for (int32_t b = 0; b < p->batches; b++, input += p->in_features, output += p->out_features) {
        edgeq_widen_row(input, p->in_features, (int32_t *)scratch);
        edgeq_append_offset((int32_t *)scratch, words, 1, p->sums);
        row.output = output;
        edgeq_multiply_1x8(&row);
        edgeq_copy_bytes(output + row.whole, last, p->out_features - row.whole);
        if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
            edgeq_clamp_bytes(output, p->out_features, p->act_min, p->act_max);
        }
    }
}

#endif
