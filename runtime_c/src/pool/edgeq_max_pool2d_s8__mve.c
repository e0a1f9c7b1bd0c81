/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/pool.h"

#include "isa/mve_pixels.h"
#include "pool/span.h"

enum { LANES = 16 };

/* The largest values of one window, one per channel. */
static void maxima(const struct edgeq_pool_params *p, const int8_t *input, int8_t *output,
    struct edgeq_pool_span rows, struct edgeq_pool_span cols)
{
    int32_t line = p->in_w * p->channels;
    const int8_t *first = input + rows.begin * line + cols.begin * p->channels;
    for (int32_t c = 0; c < p->channels; c += LANES) {
        int32_t channels = p->channels - c < LANES ? p->channels - c : LANES;
        int8_t largest[LANES];
        edgeq_mve_fill(largest, p->act_min, LANES);
        const int8_t *from = first + c;
        for (int32_t y = rows.begin; y < rows.end; y++, from += line) {
            edgeq_mve_largest_of_pixels(
                from, p->channels, cols.end - cols.begin, channels, largest);
        }
        edgeq_mve_copy(output + c, largest, channels);
    }
    if (p->act_max < INT8_MAX) {
        edgeq_mve_clamp(output, p->act_min, p->act_max, p->channels);
    }
}

void edgeq_max_pool2d_s8__mve(
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
                maxima(p, input, output, rows, cols);
            }
        }
    }
}
