/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/pool.h"

#include "fixedpoint.h"
#include "pool/span.h"
#include "pool/sum_s8.h"

/* Rounded to nearest, halves away from zero. */
static int32_t mean(int32_t total, int32_t count)
{
    int32_t half = count / 2;
    return (total > 0 ? total + half : total - half) / count;
}

void edgeq_avg_pool2d_s8(
    const struct edgeq_pool_params *params, const int8_t *input, int8_t *output)
{
    const struct edgeq_pool_params *p = params;
    for (int32_t b = 0; b < p->batches; b++, input += p->in_h * p->in_w * p->channels) {
        for (int32_t y = 0; y < p->out_h; y++) {
            struct edgeq_pool_span rows =
                edgeq_pool_span_of(y * p->stride_h - p->pad_top, p->in_h, p->kernel_h);
            for (int32_t x = 0; x < p->out_w; x++) {
                struct edgeq_pool_span cols =
                    edgeq_pool_span_of(x * p->stride_w - p->pad_left, p->in_w, p->kernel_w);
                int32_t count = (rows.end - rows.begin) * (cols.end - cols.begin);
                int32_t origin = count * p->halves_from;
                for (int32_t c = 0; c < p->channels; c++) {
                    int32_t total =
                        edgeq_pool_sum_s8(input + c, p->in_w, p->channels, rows, cols) - origin;
                    int32_t out = mean(total, count) + p->halves_from;
                    *output++ = (int8_t)edgeq_clamp(out, p->act_min, p->act_max);
                }
            }
        }
    }
}
