/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_CONV_S8_SWAR_H
#define EDGEQ_CONV2D_CONV_S8_SWAR_H

/* A convolution, four output pixels at a time. Who includes this file says before how weights are
 * read (isa/pair_channels.h). */

#include "conv2d/patch_swar.h"
#include "conv2d/pixels_swar.h"

static inline void edgeq_conv_swar(
    const struct edgeq_conv2d_swar_params *p, const int8_t *input, int8_t *output, void *scratch)
{
    int32_t groups = (p->kernel_h * p->kernel_w * p->in_c + 3) / 4;
    int32_t *x = (int32_t *)scratch;
    struct edgeq_pixels pixels = {x, groups, x + 2 * EDGEQ_PIXELS * groups, 0, {0}, {NULL}};
    int8_t *bytes = (int8_t *)(pixels.sums + EDGEQ_PIXELS * p->products);
    int32_t lowest = p->in_h - (p->kernel_h - 1) * p->dilation_h;
    int32_t rightmost = p->dilation_w == 1 ? p->in_w - p->kernel_w : -1;
    for (int32_t b = 0; b < p->batches; b++) {
        int8_t *out = output + (b * p->out_h + p->row_begin) * p->out_w * p->out_c;
        for (int32_t y = p->row_begin; y < p->row_end; y++) {
            int32_t top = y * p->stride_h - p->pad_top;
            int32_t last_inside = top >= 0 && top < lowest ? rightmost : -1;
            int32_t left = -p->pad_left;
            for (int32_t col = 0; col < p->out_w; col++, left += p->stride_w, out += p->out_c) {
                int32_t *to = edgeq_next_pixel(&pixels);
                if (left >= 0 && left <= last_inside) {
                    edgeq_write_inside(p, input + (top * p->in_w + left) * p->in_c, to, bytes);
                } else {
                    edgeq_write_border(p, input, top, left, to, bytes);
                }
                int32_t region = edgeq_bias_region(p->bias_row, p->bias_col, p->bias_cols, y, col);
                edgeq_add_pixel(p, &pixels, region, out);
            }
        }
        input += p->in_h * p->in_w * p->in_c;
    }
    edgeq_end_pixels(p, &pixels);
}

#endif
