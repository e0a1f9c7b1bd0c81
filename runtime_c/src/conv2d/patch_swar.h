/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_PATCH_SWAR_H
#define EDGEQ_CONV2D_PATCH_SWAR_H

/* What an output pixel is made of, as one of the pixels of edgeq_pair_channels: its taps, row by
 * row of the kernel, in groups of four, the last one filled up with anything. */

#include "conv2d/pixels_swar.h"
#include "conv2d/window.h"
#include "edgeq/conv2d.h"

/* From an aligned address; returns where the next group goes. */
static EDGEQ_OUT_OF_LINE int32_t *edgeq_write_groups(
    const int8_t *from, int32_t groups, int32_t *to)
{
    for (const int8_t *end = from + 4 * groups; from < end; from += 4) {
        edgeq_split_word(edgeq_aligned_word(from), &to[0], &to[EDGEQ_PIXELS]);
        to += 2 * EDGEQ_PIXELS;
    }
    return to;
}

/* From any address. */
static EDGEQ_OUT_OF_LINE int32_t *edgeq_write_bytes(const int8_t *from, int32_t groups, int32_t *to)
{
    for (const int8_t *end = from + 4 * groups; from != end; from += 4) {
        to[0] = edgeq_pair(from[0], from[2]);
        to[EDGEQ_PIXELS] = edgeq_pair(from[1], from[3]);
        to += 2 * EDGEQ_PIXELS;
    }
    return to;
}

static EDGEQ_OUT_OF_LINE int8_t *edgeq_copy_bytes(const int8_t *from, int32_t count, int8_t *to)
{
    for (const int8_t *end = from + (count & ~3); from != end; from += 4, to += 4) {
        int8_t a = from[0];
        int8_t b = from[1];
        int8_t c = from[2];
        to[3] = from[3];
        to[0] = a;
        to[1] = b;
        to[2] = c;
    }
    for (int32_t i = 0; i < (count & 3); i++) {
        *to++ = *from++;
    }
    return to;
}

/* A window that is inside the image, its taps side by side in each row, the first at `from`. Where
 * rows are not whole groups, they are collected in `bytes`. */
static EDGEQ_OUT_OF_LINE void edgeq_write_inside(
    const struct edgeq_conv2d_swar_params *p, const int8_t *from, int32_t *to, int8_t *bytes)
{
    int32_t length = p->kernel_w * p->in_c;
    int32_t step = p->dilation_h * p->in_w * p->in_c;
    if ((length & 3) != 0) {
        int8_t *end = bytes;
        for (int32_t ky = p->kernel_h; ky > 0; ky--, from += step) {
            end = edgeq_copy_bytes(from, length, end);
        }
        edgeq_write_groups(bytes, (p->kernel_h * length + 3) / 4, to);
    } else if (((step | p->in_c) & 3) == 0 && edgeq_is_aligned(from)) {
        for (int32_t ky = p->kernel_h; ky > 0; ky--, from += step) {
            to = edgeq_write_groups(from, length / 4, to);
        }
    } else {
        for (int32_t ky = p->kernel_h; ky > 0; ky--, from += step) {
            to = edgeq_write_bytes(from, length / 4, to);
        }
    }
}

/* Any other window; all taps are collected. */
static EDGEQ_OUT_OF_LINE void edgeq_write_border(const struct edgeq_conv2d_swar_params *p,
    const int8_t *image, int32_t top, int32_t left, int32_t *to, int8_t *bytes)
{
    struct edgeq_taps cols = edgeq_taps_inside(left, p->in_w, p->kernel_w, p->dilation_w);
    int32_t taps = p->kernel_h * p->kernel_w * p->in_c;
    int32_t length = p->kernel_w * p->in_c;
    memset(bytes, p->input_zero, (size_t)taps);
    int8_t *row = bytes;
    for (int32_t ky = 0; ky < p->kernel_h; ky++, top += p->dilation_h, row += length) {
        if (top < 0 || top >= p->in_h) {
            continue;
        }
        const int8_t *line = image + top * p->in_w * p->in_c;
        if (p->dilation_w == 1 && cols.begin < cols.end) {
            edgeq_copy_bytes(line + (left + cols.begin) * p->in_c,
                (cols.end - cols.begin) * p->in_c, row + cols.begin * p->in_c);
            continue;
        }
        for (int32_t kx = cols.begin; kx < cols.end; kx++) {
            edgeq_copy_bytes(
                line + (left + kx * p->dilation_w) * p->in_c, p->in_c, row + kx * p->in_c);
        }
    }
    edgeq_write_groups(bytes, (taps + 3) / 4, to);
}

#endif
