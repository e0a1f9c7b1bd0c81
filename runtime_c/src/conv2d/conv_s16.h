/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_CONV_S16_H
#define EDGEQ_CONV2D_CONV_S16_H

#include "conv2d/window.h"
#include "edgeq/conv2d.h"
#include "fixedpoint.h"
#include "packed_weights.h"
#include "store.h"

/* One output value before requantization: the dot product over the taps that fall on the image.
 * `input` points at the first of the group's `depth` channels in the first pixel of the image;
 * `filter` is the number of the output channel's first weight. */
static inline int64_t edgeq_conv_dot_s16(const struct edgeq_conv2d_s16_params *p,
    const int16_t *input, int32_t filter, struct edgeq_taps rows, struct edgeq_taps cols,
    int32_t top, int32_t left, int32_t depth, int packed)
{
    int64_t acc = 0;
    for (int32_t ky = rows.begin; ky < rows.end; ky++) {
        const int16_t *line = input + (top + ky * p->dilation_h) * p->in_w * p->in_c;
        for (int32_t kx = cols.begin; kx < cols.end; kx++) {
            const int16_t *in = line + (left + kx * p->dilation_w) * p->in_c;
            int32_t first = filter + (ky * p->kernel_w + kx) * depth;
            for (int32_t c = 0; c < depth; c++) {
                acc += in[c] * (packed ? edgeq_packed_weight(p->weights, first + c, p->weight_bits)
                                       : p->weights[first + c]);
            }
        }
    }
    return acc;
}

/* The whole convolution, to outputs of `bytes` bytes; weights are bytes or `packed`. */
static inline void edgeq_conv_of_s16(const struct edgeq_conv2d_s16_params *p, const int16_t *input,
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
                const int64_t *bias = p->bias + region * p->out_c;
                const int16_t *group = input;
                for (int32_t o = 0, next = filters; o < p->out_c; o++) {
                    if (o == next) {
                        group += depth;
                        next += filters;
                    }
                    int64_t sum = edgeq_conv_dot_s16(
                        p, group, o * filter_size, rows, cols, top, left, depth, packed);
                    int32_t out = edgeq_output_stage64(sum + bias[o], p->multiplier[o], p->shift[o],
                        p->output_offset, p->act_min, p->act_max);
                    edgeq_store(output, written++, out, bytes);
                }
            }
        }
    }
}

#endif
