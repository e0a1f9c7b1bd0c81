/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/pool.h"

#include "pool/mean_s8.h"
#include "pool/span.h"
#include "pool/sum_s8.h"

/* The averages of one window, one per channel. */
static void averages(const struct edgeq_pool_params *p, const int8_t *input, int8_t *output,
    struct edgeq_pool_span rows, struct edgeq_pool_span cols)
{
    int32_t count = (rows.end - rows.begin) * (cols.end - cols.begin);
    int32_t c = 0;
    for (; c + EDGEQ_POOL_CHANNELS <= p->channels; c += EDGEQ_POOL_CHANNELS) {
        int32_t sums[EDGEQ_POOL_CHANNELS];
        edgeq_pool_sums_s8(input + c, p->in_w, p->channels, rows, cols, sums);
        for (int32_t i = 0; i < EDGEQ_POOL_CHANNELS; i++) {
            output[c + i] = edgeq_mean_s8(p, sums[i], count);
        }
    }
    for (; c < p->channels; c++) {
        int32_t sum = edgeq_pool_sum_s8(input + c, p->in_w, p->channels, rows, cols);
        output[c] = edgeq_mean_s8(p, sum, count);
    }
}

void edgeq_avg_pool2d_s8(
    const struct edgeq_pool_params *params, const int8_t *input, int8_t *output)
{
    const struct edgeq_pool_params *p = params;
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
