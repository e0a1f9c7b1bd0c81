/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_STRIPS_MVE_H
#define EDGEQ_CONV2D_STRIPS_MVE_H

/* Copies of the input in which the taps of an output pixel lie side by side: column by column, each
 * kernel_h pixels high. So a pixel's taps are stride_w columns behind those of the pixel before it,
 * and what neighbours share is copied once. */

#include "conv2d/window.h"
#include "edgeq/conv2d.h"
#include "isa/mve_bytes.h"

/* Columns of an image: the first is column `left`, the next `step` from it. */
struct edgeq_columns {
    int32_t left;
    int32_t step;
    int32_t count;
};

/* The pixels [begin, end) of those columns in one row, to places `column` bytes apart. */
static inline void edgeq_copy_pixels(const struct edgeq_conv2d_mve_params *p, const int8_t *from,
    int32_t step, int32_t pixels, int8_t *to)
{
    int32_t column = p->kernel_h * p->in_c;
    int32_t count = p->in_c;
    if (p->lanes != NULL && step == 1) {
        int32_t together = 16 / count;
        edgeq_mve_scatter(to, together * column, p->lanes, from, together * count, pixels * count);
        return;
    }
    for (; count > 16; count -= 16, to += 16, from += 16) {
        edgeq_mve_copy_rows(to, column, from, step * p->in_c, pixels, 16);
    }
    edgeq_mve_copy_rows(to, column, from, step * p->in_c, pixels, count);
}

/* kernel_h pixels of each column, the first in row `top`; what is not on the image is padding. */
static inline void edgeq_copy_columns(const struct edgeq_conv2d_mve_params *p, const int8_t *image,
    int32_t top, struct edgeq_columns columns, int8_t *to)
{
    int32_t column = p->kernel_h * p->in_c;
    struct edgeq_taps rows = edgeq_taps_inside(top, p->in_h, p->kernel_h, p->dilation_h);
    struct edgeq_taps cols = edgeq_taps_inside(columns.left, p->in_w, columns.count, columns.step);
    if (rows.begin > 0 || rows.end < p->kernel_h || cols.begin >= cols.end) {
        edgeq_mve_fill(to, p->input_zero, columns.count * column);
    } else {
        if (cols.begin > 0) {
            edgeq_mve_fill(to, p->input_zero, cols.begin * column);
        }
        if (cols.end < columns.count) {
            edgeq_mve_fill(
                to + cols.end * column, p->input_zero, (columns.count - cols.end) * column);
        }
    }
    if (cols.begin < cols.end) {
        const int8_t *from = image + (columns.left + cols.begin * columns.step) * p->in_c;
        to += cols.begin * column;
        for (int32_t ky = rows.begin; ky < rows.end; ky++) {
            const int8_t *line = from + (top + ky * p->dilation_h) * p->in_w * p->in_c;
            edgeq_copy_pixels(p, line, columns.step, cols.end - cols.begin, to + ky * p->in_c);
        }
    }
}

/* All that row y of the output is made of. */
static inline void edgeq_copy_strip(
    const struct edgeq_conv2d_mve_params *p, const int8_t *image, int32_t y, int8_t *strip)
{
    int32_t top = y * p->stride_h - p->pad_top;
    struct edgeq_columns columns = {-p->pad_left, 1, (p->out_w - 1) * p->stride_w + p->kernel_w};
    if (p->dilation_w == 1) {
        edgeq_copy_columns(p, image, top, columns, strip);
        return;
    }
    /* The taps of neighbours lie between each other: nothing is shared. */
    columns.step = p->dilation_w;
    columns.count = p->kernel_w;
    for (int32_t x = 0; x < p->out_w; x++) {
        edgeq_copy_columns(p, image, top, columns, strip);
        columns.left += p->stride_w;
        strip += p->kernel_w * p->kernel_h * p->in_c;
    }
}

#endif
