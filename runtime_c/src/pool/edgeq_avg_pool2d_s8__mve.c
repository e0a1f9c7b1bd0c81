/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/pool.h"

#include "isa/mve_pixels.h"
#include "pool/mean_s8.h"
#include "pool/span.h"

enum { LANES = 8 };

/* The averages of one window, one per channel. */
static void averages(const struct edgeq_pool_params *p, const int8_t *input, int8_t *output,
    struct edgeq_pool_span rows, struct edgeq_pool_span cols)
{
    int32_t width = cols.end - cols.begin;
    int32_t count = (rows.end - rows.begin) * width;
    /* Rows that are taken whole follow upon each other. */
    int32_t together = width == p->in_w ? count : width;
    int32_t line = p->in_w * p->channels;
    const int8_t *first = input + rows.begin * line + cols.begin * p->channels;
    for (int32_t c = 0; c < p->channels; c += LANES) {
        int32_t channels = p->channels - c < LANES ? p->channels - c : LANES;
        int16_t sums[LANES] = {0};
        const int8_t *from = first + c;
        for (int32_t done = 0; done < count; done += together, from += line) {
            edgeq_mve_add_pixels(from, p->channels, together, channels, sums);
        }
        for (int32_t i = 0; i < channels; i++) {
            output[c + i] = edgeq_mean_s8(p, sums[i], count);
        }
    }
}

void edgeq_avg_pool2d_s8__mve(
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
