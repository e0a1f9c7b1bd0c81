/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/pool.h"

#include "pool/mean_s8.h"
#include "pool/span.h"
#include "pool/pixels_s8_dsp.h"

/* The averages of one window, one per channel, of which there are at least four. Where the last
 * ones are less, some before them are summed with them; these may be overwritten by now. */
static void averages(const struct edgeq_pool_params *p, const int8_t *input, int8_t *output,
    struct edgeq_pool_span rows, struct edgeq_pool_span cols)
{
    const int32_t channels = p->channels;
    const int32_t line_step = p->in_w * channels;
    const int32_t count = (rows.end - rows.begin) * (cols.end - cols.begin);
    int32_t width = cols.end - cols.begin;
    int32_t lines = rows.end - rows.begin;
    if (width == p->in_w) { /* one line after the other: they are one */
        width = count;
        lines = 1;
    }
    input += rows.begin * line_step + cols.begin * channels;
    for (int32_t c = 0; c < channels; c += EDGEQ_QUAD) {
        int32_t sums[EDGEQ_QUAD] = {0, 0, 0, 0};
        int32_t from = c < channels - EDGEQ_QUAD ? c : channels - EDGEQ_QUAD;
        const int8_t *line = input + from;
        for (int32_t y = 0; y < lines; y++, line += line_step) {
            edgeq_add_pixels(line, channels, width, sums);
        }
        for (int32_t i = c - from; i < EDGEQ_QUAD; i++) {
            output[from + i] = edgeq_mean_s8(p, sums[i], count);
        }
    }
}

void edgeq_avg_pool2d_s8__dsp(
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
