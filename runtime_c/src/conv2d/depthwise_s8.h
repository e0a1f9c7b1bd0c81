/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_DEPTHWISE_S8_H
#define EDGEQ_CONV2D_DEPTHWISE_S8_H

#include "conv2d/window.h"
#include "edgeq/conv2d.h"
#include "fixedpoint.h"
#include "store.h"
#include "strided_dot_s8.h"

/* One value of an output channel before requantization; `input` points at the input channel in the
 * first pixel of the image. */
static inline int32_t edgeq_depthwise_dot_s8(const struct edgeq_conv2d_params *p,
    const int8_t *input, int32_t channel, struct edgeq_taps rows, struct edgeq_taps cols,
    int32_t top, int32_t left, int packed)
{
    int32_t acc = 0;
    for (int32_t ky = rows.begin; ky < rows.end; ky++) {
        const int8_t *line = input + (top + ky * p->dilation_h) * p->in_w * p->in_c;
        struct edgeq_series in = {line + (left + cols.begin * p->dilation_w) * p->in_c,
            p->dilation_w * p->in_c, p->input_offset};
        int32_t first = (ky * p->kernel_w + cols.begin) * p->out_c + channel;
        struct edgeq_series w = {
            packed ? p->weights : p->weights + first, p->out_c, p->weight_offset};
        int32_t taps = cols.end - cols.begin;
        acc = packed ? edgeq_add_strided_packed_products_s8(acc, in, w, first, taps, p->weight_bits)
                     : edgeq_add_strided_products_s8(acc, in, w, taps);
    }
    return acc;
}

/* The whole convolution, to outputs of `bytes` bytes; weights are bytes or `packed`. */
static inline void edgeq_depthwise_of_s8(const struct edgeq_conv2d_params *p, const int8_t *input,
    void *output, int32_t bytes, int packed)
{
    int32_t depth_multiplier = p->out_c / p->in_c;
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
                const int8_t *channel = input;
                for (int32_t o = 0, next = depth_multiplier; o < p->out_c; o++) {
                    if (o == next) {
                        channel++;
                        next += depth_multiplier;
                    }
                    int32_t sum =
                        edgeq_depthwise_dot_s8(p, channel, o, rows, cols, top, left, packed);
                    int32_t out = edgeq_output_stage(edgeq_wrapping_add(sum, bias[o]),
                        p->multiplier[o], p->shift[o], p->output_offset, p->act_min, p->act_max);
                    edgeq_store(output, written++, out, bytes);
                }
            }
        }
    }
}

#endif
