/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/dense.h"

#include "dense/widen_row_dsp.h"
#include "fixedpoint.h"
#include "isa/dot_1x8.h"

/* Adds the products of some inputs to all sums, and advances the weights behind them. */
static inline void edgeq_add_products(
    const struct edgeq_dense_long_dsp_params *p, struct edgeq_row_1x8 *row, int32_t *sums)
{
    static const int32_t zeros[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (int32_t feature = 0; feature < p->out_features; feature += 8, sums += 8) {
        int32_t part[8];
        row->bias = zeros;
        edgeq_sums_1x8(row, part);
        row->weights += 4 * (row->x_end - row->x);
        for (int32_t i = 0; i < 8; i += 2) {
            sums[i] += part[i + 1];
            sums[i + 1] += part[i] >> 8;
        }
    }
}

void edgeq_dense_s8_long__dsp(const struct edgeq_dense_long_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch)
{
    const struct edgeq_dense_long_dsp_params *p = params;
    int32_t *sums = (int32_t *)scratch;
    int32_t *x = sums + ((p->out_features + 7) & ~7);
    struct edgeq_row_1x8 row;
    for (int32_t b = 0; b < p->batches; b++, output += p->out_features) {
        memset(sums, 0, (size_t)((const char *)x - (const char *)sums));
        row.weights = p->weights;
        for (const int8_t *end = input + p->in_features; input < end;) {
            int32_t length =
                end - input < EDGEQ_EXACT_TAPS ? (int32_t)(end - input) : EDGEQ_EXACT_TAPS;
            edgeq_widen_row(input, length, x);
            edgeq_set_fours(&row, x, (length + 3) / 4);
            edgeq_add_products(p, &row, sums);
            input += length;
        }
        const int32_t *stage = p->stages;
        for (int32_t i = 0; i < p->out_features; i++, stage += EDGEQ_STAGE_WORDS) {
            int32_t out = edgeq_stage(p->bias[i] + 2 * sums[i], stage[EDGEQ_STAGE_MULTIPLIER],
                stage[EDGEQ_STAGE_ADDEND], stage[EDGEQ_STAGE_SHIFT]);
            output[i] = (int8_t)edgeq_clamp(out, p->act_min, p->act_max);
        }
    }
}
