/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "conv2d/window.h"
#include "isa/grouped_rows.h"

/* The inputs of an output pixel, side by side, with zero points where they are not in the image. */
static const int8_t *edgeq_collect_inputs(const struct edgeq_conv2d_groups_dsp_params *p,
    const int8_t *image, int32_t top, int32_t left, int8_t *window)
{
    const struct edgeq_taps rows = edgeq_taps_inside(top, p->in_h, p->kernel_h, p->dilation_h);
    const struct edgeq_taps cols = edgeq_taps_inside(left, p->in_w, p->kernel_w, p->dilation_w);
    if (p->kernel_h * p->kernel_w == 1 && rows.begin < rows.end && cols.begin < cols.end) {
        return image + (top * p->in_w + left) * p->in_c;
    }
    const int32_t together = p->dilation_w == 1 ? cols.end - cols.begin : 1;
    memset(window, p->input_zero, (size_t)(p->kernel_h * p->kernel_w * p->in_c));
    for (int32_t ky = rows.begin; ky < rows.end; ky++) {
        const int8_t *line = image + (top + ky * p->dilation_h) * p->in_w * p->in_c;
        int8_t *to = window + ky * p->kernel_w * p->in_c;
        for (int32_t kx = cols.begin; kx < cols.end; kx += together) {
            edgeq_copy_bytes(to + kx * p->in_c, line + (left + kx * p->dilation_w) * p->in_c,
                together * p->in_c);
        }
    }
    return window;
}

void edgeq_conv2d_groups_w4_s8__dsp(const struct edgeq_conv2d_groups_dsp_params *params,
    const int8_t *input, int8_t *output, void *scratch)
{
    const struct edgeq_conv2d_groups_dsp_params *p = params;
    const int32_t taps = p->kernel_h * p->kernel_w * p->in_c;
    const struct edgeq_grouped_rows rows = {taps / p->group_size, p->group_size, p->out_c,
        p->act_min, p->act_max, p->weights, p->factors, p->stages};
    int32_t *x = (int32_t *)scratch;
    int8_t *window = (int8_t *)(x + rows.groups * (rows.size / 2 + 1));
    for (int32_t b = 0; b < p->batches; b++, input += p->in_h * p->in_w * p->in_c) {
        for (int32_t y = p->row_begin; y < p->row_end; y++) {
            for (int32_t column = 0; column < p->out_w; column++, output += p->out_c) {
                int32_t top = y * p->stride_h - p->pad_top;
                int32_t left = column * p->stride_w - p->pad_left;
                int32_t region =
                    edgeq_bias_region(p->bias_row, p->bias_col, p->bias_cols, y, column);
                edgeq_widen_groups(&rows, edgeq_collect_inputs(p, input, top, left, window), x);
                edgeq_multiply_groups(&rows, x, p->bias + region * p->out_c, output);
            }
        }
    }
}
