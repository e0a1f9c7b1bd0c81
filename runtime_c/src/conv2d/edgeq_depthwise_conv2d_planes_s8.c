/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "conv2d/window.h"
#include "fixedpoint.h"
#include "strided_dot_s8.h"

/* One output value before requantization; `weights` points at the channel in the first tap. */
static int32_t dot(const struct edgeq_conv2d_params *p, const int8_t *plane, const int8_t *weights,
    struct edgeq_taps rows, struct edgeq_taps cols, int32_t top, int32_t left)
{
    int32_t acc = 0;
    for (int32_t ky = rows.begin; ky < rows.end; ky++) {
        const int8_t *line = plane + (top + ky * p->dilation_h) * p->in_w + left;
        struct edgeq_series in = {
            line + cols.begin * p->dilation_w, p->dilation_w, p->input_offset};
        struct edgeq_series w = {
            weights + (ky * p->kernel_w + cols.begin) * p->out_c, p->out_c, p->weight_offset};
        acc = edgeq_add_strided_products_s8(acc, in, w, cols.end - cols.begin);
    }
    return acc;
}

/* One channel of one image, which has been copied to `plane`; `output` points at the channel in the
 * first pixel. */
static void filter_plane(
    const struct edgeq_conv2d_params *p, const int8_t *plane, int32_t channel, int8_t *output)
{
    for (int32_t y = 0; y < p->out_h; y++) {
        int32_t top = y * p->stride_h - p->pad_top;
        struct edgeq_taps rows = edgeq_taps_inside(top, p->in_h, p->kernel_h, p->dilation_h);
        for (int32_t x = 0; x < p->out_w; x++, output += p->out_c) {
            int32_t left = x * p->stride_w - p->pad_left;
            struct edgeq_taps cols = edgeq_taps_inside(left, p->in_w, p->kernel_w, p->dilation_w);
            int32_t region = edgeq_bias_region(p->bias_row, p->bias_col, p->bias_cols, y, x);
            int32_t sum = dot(p, plane, p->weights + channel, rows, cols, top, left);
            int32_t bias = p->bias[region * p->out_c + channel];
            *output =
                (int8_t)edgeq_output_stage(edgeq_wrapping_add(sum, bias), p->multiplier[channel],
                    p->shift[channel], p->output_offset, p->act_min, p->act_max);
        }
    }
}

/* A channel is copied before it is written, and the others are not touched: the output may lie in
 * the place of the input. */
void edgeq_depthwise_conv2d_planes_s8(
    const struct edgeq_conv2d_params *params, const int8_t *input, int8_t *output, void *scratch)
{
    const struct edgeq_conv2d_params *p = params;
    int8_t *plane = scratch;
    int32_t pixels = p->in_h * p->in_w;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t c = 0; c < p->in_c; c++) {
            for (int32_t i = 0; i < pixels; i++) {
                plane[i] = input[i * p->in_c + c];
            }
            filter_plane(p, plane, c, output + c);
        }
        input += pixels * p->in_c;
        output += p->out_h * p->out_w * p->out_c;
    }
}
