/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/pool.h"

#include "isa/dsp.h"
#include "pool/span.h"

enum { QUAD = 4 };

/* Four channels of the pixels of a window; `input` points at them in the window's first pixel. */
static int32_t largest(
    const struct edgeq_pool_params *p, const int8_t *input, int32_t height, int32_t width)
{
    int32_t found = edgeq_load_word(input);
    for (int32_t y = 0; y < height; y++, input += p->in_w * p->channels) {
        const int8_t *in = input;
        for (int32_t x = width; x > 0; x--, in += p->channels) {
            found = edgeq_max4(found, edgeq_load_word(in));
        }
    }
    return found;
}

/* One window, all channels, of which there are at least four. Where the last ones are less, some
 * before them are taken with them; these may be overwritten by now. */
static void all_channels(const struct edgeq_pool_params *p, const int8_t *input, int8_t *output,
    struct edgeq_pool_span rows, struct edgeq_pool_span cols)
{
    const int32_t last = p->channels - QUAD;
    const int32_t low = edgeq_four_bytes(p->act_min);
    const int32_t high = edgeq_four_bytes(p->act_max);
    const int32_t height = rows.end - rows.begin;
    const int32_t width = cols.end - cols.begin;
    input += (rows.begin * p->in_w + cols.begin) * p->channels;
    int32_t c = 0;
    for (; c <= last; c += QUAD) {
        int32_t found = largest(p, input + c, height, width);
        edgeq_store_word(output + c, edgeq_clamp4(found, low, high));
    }
    if (c < p->channels) {
        int32_t found = edgeq_clamp4(largest(p, input + last, height, width), low, high);
        for (; c < p->channels; c++) {
            output[c] = (int8_t)(found >> (8 * (c - last)));
        }
    }
}

void edgeq_max_pool2d_s8__dsp(
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
                all_channels(p, input, output, rows, cols);
            }
        }
    }
}
