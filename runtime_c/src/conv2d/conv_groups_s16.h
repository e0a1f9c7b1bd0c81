/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_CONV_GROUPS_S16_H
#define EDGEQ_CONV2D_CONV_GROUPS_S16_H

#include "conv2d/window.h"
#include "edgeq/conv2d.h"
#include "fixedpoint.h"
#include "grouped_weights.h"
#include "store.h"

/* One output value of channel `o` before requantization, as edgeq_conv_dot_s16 computes it. */
static inline int64_t edgeq_conv_groups_dot_s16(const struct edgeq_conv2d_groups_s16_params *p,
    const struct edgeq_grouped_weights *weights, const int16_t *input, int32_t o,
    struct edgeq_taps rows, struct edgeq_taps cols, int32_t top, int32_t left)
{
    int32_t depth = p->in_c / p->groups;
    int32_t filter_size = p->kernel_h * p->kernel_w * depth;
    int32_t factor = o * (filter_size / p->group_size);
    int64_t acc = 0;
    for (int32_t ky = rows.begin; ky < rows.end; ky++) {
        const int16_t *line = input + (top + ky * p->dilation_h) * p->in_w * p->in_c;
        for (int32_t kx = cols.begin; kx < cols.end; kx++) {
            const int16_t *in = line + (left + kx * p->dilation_w) * p->in_c;
            int32_t place = (ky * p->kernel_w + kx) * depth;
            struct edgeq_weight_run run = {o * filter_size, factor, place, depth};
            acc += edgeq_grouped_products_s16(weights, run, in);
        }
    }
    return acc;
}

/* The whole convolution, to outputs of `bytes` bytes. */
static inline void edgeq_conv_groups_of_s16(const struct edgeq_conv2d_groups_s16_params *p,
    const int16_t *input, void *output, int32_t bytes)
{
    struct edgeq_grouped_weights weights = {p->weights, p->factors, p->weight_bits, p->group_size};
    int32_t depth = p->in_c / p->groups;
    int32_t filters = p->out_c / p->groups;
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
                for (int32_t o = 0; o < p->out_c; o++) {
                    const int16_t *group = input + o / filters * depth;
                    int64_t sum =
                        edgeq_conv_groups_dot_s16(p, &weights, group, o, rows, cols, top, left);
                    int32_t out = edgeq_output_stage64(sum + bias[o], p->multiplier[o], p->shift[o],
                        p->output_offset, p->act_min, p->act_max);
                    edgeq_store(output, written++, out, bytes);
                }
            }
        }
    }
}

#endif
