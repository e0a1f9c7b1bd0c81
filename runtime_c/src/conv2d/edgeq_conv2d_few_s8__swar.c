/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "isa/byte_groups.h"

#include "conv2d/lines_swar.h"
#include "conv2d/pixels_swar.h"
#include "conv2d/window.h"

/* The kernel for few input channels: what the windows of a row share is taken from memory once. */
void edgeq_conv2d_few_s8__swar(const struct edgeq_conv2d_swar_params *params, const int8_t *input,
    int8_t *output, void *scratch)
{
    const struct edgeq_conv2d_swar_params *p = params;
    int32_t apart = (p->kernel_w * p->in_c + 1) / 2;
    int32_t length = (p->out_w - 1) * p->stride_w * p->in_c + apart;
    struct edgeq_lines lines = {(int32_t *)scratch, p->kernel_h, length, apart, 0, 0};
    int32_t groups = (p->kernel_h * apart + 1) / 2;
    int32_t *x = lines.pairs + p->kernel_h * length;
    struct edgeq_pixels pixels = {x, groups, x + 2 * EDGEQ_PIXELS * groups, 0, {0}, {NULL}};
    int32_t step = p->stride_w * p->in_c;
    for (int32_t b = 0; b < p->batches; b++) {
        int8_t *out = output + (b * p->out_h + p->row_begin) * p->out_w * p->out_c;
        lines.next = INT32_MIN;
        for (int32_t y = p->row_begin; y < p->row_end; y++) {
            edgeq_fill_lines(p, input, y * p->stride_h - p->pad_top, &lines);
            for (int32_t col = 0; col < p->out_w; col++, out += p->out_c) {
                edgeq_write_window(&lines, col * step, edgeq_next_pixel(&pixels));
                int32_t region = edgeq_bias_region(p->bias_row, p->bias_col, p->bias_cols, y, col);
                edgeq_add_pixel(p, &pixels, region, out);
            }
        }
        input += p->in_h * p->in_w * p->in_c;
    }
    edgeq_end_pixels(p, &pixels);
}
