/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_CONV_S8_H
#define EDGEQ_CONV2D_CONV_S8_H

#include "conv2d/window.h"
#include "dot_s8.h"
#include "edgeq/conv2d.h"
#include "fixedpoint.h"
#include "store.h"

/* One output value before requantization: the dot product over the taps that fall on the image.
 * `input` points at the first of the group's `depth` channels in the first pixel of the image;
 * `filter` is the number of the output channel's first weight. Taps that lie side by side, as they
 * do in most layers, are one run. */
static inline int32_t edgeq_conv_dot_s8(const struct edgeq_conv2d_params *p, const int8_t *input,
    int32_t filter, struct edgeq_taps rows, struct edgeq_taps cols, int32_t top, int32_t left,
    int32_t depth, int packed)
{
    struct edgeq_offsets offsets = {p->input_offset, p->weight_offset};
    int32_t taps = p->dilation_w == 1 && depth == p->in_c ? cols.end - cols.begin : 1;
    int32_t acc = 0;
    for (int32_t ky = rows.begin; ky < rows.end; ky++) {
        const int8_t *line = input + (top + ky * p->dilation_h) * p->in_w * p->in_c;
        for (int32_t kx = cols.begin; kx < cols.end; kx += taps) {
            const int8_t *in = line + (left + kx * p->dilation_w) * p->in_c;
            int32_t first = filter + (ky * p->kernel_w + kx) * depth;
            acc = packed
                      ? edgeq_add_packed_products_s8(
                            acc, in, p->weights, first, taps * depth, p->weight_bits, offsets)
                      : edgeq_add_products_s8(acc, in, p->weights + first, taps * depth, offsets);
        }
    }
    return acc;
}

/* The whole convolution, to outputs of `bytes` bytes; weights are bytes or `packed`. */
static inline void edgeq_conv_of_s8(const struct edgeq_conv2d_params *p, const int8_t *input,
    void *output, int32_t bytes, int packed)
{
    int32_t depth = p->in_c / p->groups;
    int32_t filters = p->out_c / p->groups;
    int32_t filter_size = p->kernel_h * p->kernel_w * depth;
    int32_t written = 0;

    for (int32_t b = 0; b < p->batches; b++, input += p->in_h * p->in_w * p->in_c) {
        for (int32_t y = 0; y < p->out_h; y++) {
            int32_t top = y * p->stride_h - p->pad_top;
            struct edgeq_taps rows = edgeq_taps_inside(top, p->in_h, p->kernel_h, p->dilation_h);
            for (int32_t x = 0; x < p->out_w; x++) {
                int32_t left = x * p->stride_w - p->pad_left;
                struct edgeq_taps cols =
                    edgeq_taps_inside(left, p->in_w, p->kernel_w, p->dilation_w);
                int32_t region = edgeq_bias_region(p->bias_row, p->bias_col, p->bias_cols, y, x);
                const int32_t *bias = p->bias + region * p->out_c;
                const int8_t *group = input;
                for (int32_t o = 0, next = filters; o < p->out_c; o++) {
                    if (o == next) {
                        group += depth;
                        next += filters;
                    }
                    int32_t sum = edgeq_conv_dot_s8(
                        p, group, o * filter_size, rows, cols, top, left, depth, packed);
                    int32_t out = edgeq_output_stage(edgeq_wrapping_add(sum, bias[o]),
                        p->multiplier[o], p->shift[o], p->output_offset, p->act_min, p->act_max);
                    edgeq_store(output, written++, out, bytes);
                }
            }
        }
    }
}

#endif
