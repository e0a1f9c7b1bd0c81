/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/dense.h"

#include "dense/widen_row_dsp.h"
#include "isa/dot_1x8.h"
#include "isa/sums.h"

void edgeq_dense_s8__dsp(
    const struct edgeq_dense_dsp_params *params, const int8_t *input, int8_t *output, void *scratch)
{
    const struct edgeq_dense_dsp_params *p = params;
    int8_t last[8]; /* the features that do not make eight */
    struct edgeq_row_1x8 row;
    int32_t fours = (p->in_features + 3) / 4;
    edgeq_set_fours(&row, (const int32_t *)scratch, fours + p->sums / 2);
    row.weights = p->weights;
    row.bias = p->bias;
    row.whole = p->out_features & ~7;
    row.rest = last;
    row.rest_end = row.whole < p->out_features ? last + 8 : NULL;
    for (int32_t b = 0; b < p->batches; b++, input += p->in_features, output += p->out_features) {
        edgeq_widen_row(input, p->in_features, (int32_t *)scratch);
        edgeq_append_sums((int32_t *)scratch, 2 * fours, 1, p->sums);
        row.output = output;
        edgeq_multiply_1x8(&row);
        edgeq_copy_bytes(output + row.whole, last, p->out_features - row.whole);
        if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
            edgeq_clamp_bytes(output, p->out_features, p->act_min, p->act_max);
        }
    }
}
