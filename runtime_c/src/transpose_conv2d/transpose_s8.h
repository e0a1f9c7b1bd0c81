/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_TRANSPOSE_CONV2D_TRANSPOSE_S8_H
#define EDGEQ_TRANSPOSE_CONV2D_TRANSPOSE_S8_H

#include "edgeq/transpose_conv2d.h"
#include "fixedpoint.h"
#include "store.h"
#include "transpose_conv2d/pairs.h"

/* One output value before requantization; `weights` points at the output channel's filter. */
static inline int32_t edgeq_transpose_dot_s8(const struct edgeq_transpose_conv2d_params *p,
    const int8_t *input, const int8_t *weights, struct edgeq_pairs rows, struct edgeq_pairs cols)
{
    int32_t acc = 0;
    for (int32_t i = rows.begin; i < rows.end; i++) {
        const int8_t *line = input + (rows.position - i) * p->in_w * p->in_c;
        const int8_t *taps = weights + (rows.tap + i * p->stride_h) * p->kernel_w * p->in_c;
        for (int32_t j = cols.begin; j < cols.end; j++) {
            const int8_t *in = line + (cols.position - j) * p->in_c;
            const int8_t *w = taps + (cols.tap + j * p->stride_w) * p->in_c;
            for (int32_t c = 0; c < p->in_c; c++) {
                acc += (in[c] + p->input_offset) * (w[c] + p->weight_offset);
            }
        }
    }
    return acc;
}

/* The whole convolution, to outputs of `bytes` bytes. */
static inline void edgeq_transpose_of_s8(
    const struct edgeq_transpose_conv2d_params *p, const int8_t *input, void *output, int32_t bytes)
{
    int32_t filter_size = p->kernel_h * p->kernel_w * p->in_c;
    int32_t written = 0;

    for (int32_t b = 0; b < p->batches; b++, input += p->in_h * p->in_w * p->in_c) {
        for (int32_t y = 0; y < p->out_h; y++) {
            struct edgeq_pairs rows =
                edgeq_pairs_at(y + p->pad_top, p->in_h, p->kernel_h, p->stride_h);
            for (int32_t x = 0; x < p->out_w; x++) {
                struct edgeq_pairs cols =
                    edgeq_pairs_at(x + p->pad_left, p->in_w, p->kernel_w, p->stride_w);
                for (int32_t o = 0; o < p->out_c; o++) {
                    int32_t sum =
                        edgeq_transpose_dot_s8(p, input, p->weights + o * filter_size, rows, cols);
                    int32_t out = edgeq_output_stage(edgeq_wrapping_add(sum, p->bias[o]),
                        p->multiplier[o], p->shift[o], p->output_offset, p->act_min, p->act_max);
                    edgeq_store(output, written++, out, bytes);
                }
            }
        }
    }
}

#endif
