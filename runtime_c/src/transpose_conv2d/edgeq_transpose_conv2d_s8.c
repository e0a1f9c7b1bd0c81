/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/transpose_conv2d.h"

#include "fixedpoint.h"

/* What reaches one output position along one axis: pair i in [begin, end) is kernel tap `tap + i *
 * stride` of input position `position - i`. */
struct pairs {
    int32_t position;
    int32_t tap;
    int32_t begin;
    int32_t end;
};

/* `padded` is the output position counted from the first kernel's first tap. */
static struct pairs pairs_at(int32_t padded, int32_t size, int32_t taps, int32_t stride)
{
    struct pairs pairs = {padded / stride, padded % stride, 0, 0};
    if (pairs.position >= size) {
        pairs.begin = pairs.position - size + 1;
    }
    if (pairs.tap < taps) {
        int32_t in_reach = (taps - 1 - pairs.tap) / stride + 1;
        pairs.end = in_reach <= pairs.position ? in_reach : pairs.position + 1;
    }
    return pairs;
}

/* One output value before requantization; `weights` points at the output channel's filter. */
static int32_t dot(const struct edgeq_transpose_conv2d_params *p, const int8_t *input,
    const int8_t *weights, struct pairs rows, struct pairs cols)
{
    int32_t acc = 0;
    for (int32_t i = rows.begin; i < rows.end; i++) {
        const int8_t *line = input + (rows.position - i) * p->in_w * p->in_c;
        const int8_t *taps = weights + (rows.tap + i * p->stride_h) * p->kernel_w * p->in_c;
        for (int32_t j = cols.begin; j < cols.end; j++) {
            const int8_t *in = line + (cols.position - j) * p->in_c;
            const int8_t *w = taps + (cols.tap + j * p->stride_w) * p->in_c;
            for (int32_t c = 0; c < p->in_c; c++) {
                acc += (in[c] + p->input_offset) * (w[c] + p->weight_offset);
            }
        }
    }
    return acc;
}

void edgeq_transpose_conv2d_s8(
    const struct edgeq_transpose_conv2d_params *params, const int8_t *input, int8_t *output)
{
    const struct edgeq_transpose_conv2d_params *p = params;
    int32_t filter_size = p->kernel_h * p->kernel_w * p->in_c;

    for (int32_t b = 0; b < p->batches; b++, input += p->in_h * p->in_w * p->in_c) {
        for (int32_t y = 0; y < p->out_h; y++) {
            struct pairs rows = pairs_at(y + p->pad_top, p->in_h, p->kernel_h, p->stride_h);
            for (int32_t x = 0; x < p->out_w; x++) {
                struct pairs cols = pairs_at(x + p->pad_left, p->in_w, p->kernel_w, p->stride_w);
                for (int32_t o = 0; o < p->out_c; o++) {
                    int32_t sum = dot(p, input, p->weights + o * filter_size, rows, cols);
                    int32_t out = edgeq_output_stage(edgeq_wrapping_add(sum, p->bias[o]),
                        p->multiplier[o], p->shift[o], p->output_offset, p->act_min, p->act_max);
                    *output++ = (int8_t)out;
                }
            }
        }
    }
}
