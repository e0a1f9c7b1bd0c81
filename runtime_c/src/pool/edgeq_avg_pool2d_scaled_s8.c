/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/pool.h"

#include "fixedpoint.h"
#include "pool/span.h"
#include "pool/sum_s8.h"

/* The averages of one window, one per channel. */
static void averages(const struct edgeq_scaled_pool_params *p, const int8_t *input, int8_t *output,
    struct edgeq_pool_span rows, struct edgeq_pool_span cols)
{
    int32_t count = (rows.end - rows.begin) * (cols.end - cols.begin);
    int32_t offset = count * p->input_offset;
    int32_t k = 0;
    while (p->counts[k] != count) {
        k++;
    }
    /* Copied, as an element of the output may be a parameter for all the compiler knows. */
    const int32_t channels = p->channels;
    const int32_t multiplier = p->multipliers[k];
    const int32_t shift = p->shifts[k];
    for (int32_t c = 0; c < channels; c++) {
        int32_t total = edgeq_pool_sum_s8(input + c, p->in_w, channels, rows, cols) + offset;
        output[c] = (int8_t)edgeq_output_stage(
            total, multiplier, shift, p->output_offset, p->act_min, p->act_max);
    }
}

void edgeq_avg_pool2d_scaled_s8(
    const struct edgeq_scaled_pool_params *params, const int8_t *input, int8_t *output)
{
    const struct edgeq_scaled_pool_params *p = params;
    for (int32_t b = 0; b < p->batches; b++, input += p->in_h * p->in_w * p->channels) {
        for (int32_t y = 0; y < p->out_h; y++) {
            struct edgeq_pool_span rows =
                edgeq_pool_span_of(y * p->stride_h - p->pad_top, p->in_h, p->kernel_h);
            for (int32_t x = 0; x < p->out_w; x++, output += p->channels) {
                struct edgeq_pool_span cols =
                    edgeq_pool_span_of(x * p->stride_w - p->pad_left, p->in_w, p->kernel_w);
                averages(p, input, output, rows, cols);
            }
        }
    }
}
