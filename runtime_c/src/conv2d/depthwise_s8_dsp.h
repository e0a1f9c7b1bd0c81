/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_DEPTHWISE_S8_DSP_H
#define EDGEQ_CONV2D_DEPTHWISE_S8_DSP_H

/* A depthwise convolution of any kernel, pixel by pixel. */

#include "conv2d/window.h"
#include "edgeq/conv2d.h"
#include "isa/add_taps.h"
#include "isa/dsp.h"
#include "stage.h"

enum { EDGEQ_QUAD = 4 };

/* Where the taps of a window are: on the image, or at `zeros` where padding is. */
static inline void edgeq_find_taps(const struct edgeq_depthwise_dsp_params *p, const int8_t *image,
    int32_t y, int32_t x, const int8_t *zeros, char *taps)
{
    const int32_t step = p->dilation_w * p->in_c;
    int32_t tap = 0;
    int32_t row = y * p->stride_h - p->pad_top;
    for (int32_t ky = 0; ky < p->kernel_h; ky++, row += p->dilation_h) {
        int32_t width = row >= 0 && row < p->in_h ? p->in_w : 0;
        int32_t col = x * p->stride_w - p->pad_left;
        int32_t offset = (row * p->in_w + col) * p->in_c;
        for (int32_t kx = 0; kx < p->kernel_w; kx++, col += p->dilation_w, offset += step) {
            int32_t inside = col >= 0 && col < width;
            edgeq_store_tap(taps, tap++, inside ? image + offset : zeros);
        }
    }
}

/* All channels of an output pixel. Where the last ones are less than four, sums of some before them
 * are made with them, and not used. */
static inline void edgeq_all_channels(const struct edgeq_depthwise_dsp_params *p,
    const int32_t *weights, const char *taps, const int32_t *bias, int8_t *output)
{
    const int32_t pairs = (p->kernel_h * p->kernel_w + 1) / 2;
    for (int32_t c = 0; c < p->in_c; c += EDGEQ_QUAD, weights += EDGEQ_QUAD * pairs) {
        int32_t from = c < p->in_c - EDGEQ_QUAD ? c : p->in_c - EDGEQ_QUAD;
        int32_t sums[EDGEQ_QUAD] = {bias[from], bias[from + 1], bias[from + 2], bias[from + 3]};
        edgeq_add_taps(taps, pairs, from, weights, sums);
        const int32_t *stage = p->stages + c * EDGEQ_STAGE_WORDS;
        for (int32_t i = c - from; i < EDGEQ_QUAD; i++, stage += EDGEQ_STAGE_WORDS) {
            int32_t out = edgeq_stage(sums[i], stage[EDGEQ_STAGE_MULTIPLIER],
                stage[EDGEQ_STAGE_ADDEND], (int8_t)stage[EDGEQ_STAGE_SHIFT]);
            output[from + i] = (int8_t)edgeq_saturate8(out);
        }
    }
    if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
        edgeq_clamp_bytes(output, p->in_c, p->act_min, p->act_max);
    }
}

/* The whole convolution; scratch memory is for the taps. */
static inline void edgeq_depthwise_s8_dsp(const struct edgeq_depthwise_dsp_params *p,
    const int32_t *weights, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t count = p->kernel_h * p->kernel_w;
    char *taps = scratch;
    int8_t *zeros = (int8_t *)scratch + (count + 1) * (int32_t)sizeof(int8_t *);
    memset(zeros, p->input_zero, (size_t)p->in_c);
    edgeq_store_tap(
        taps, count, zeros); /* beside the last one, where there is an odd number of them */
    for (int32_t b = 0; b < p->batches; b++, input += p->in_h * p->in_w * p->in_c) {
        int8_t *out = output + (b * p->out_h + p->row_begin) * p->out_w * p->in_c;
        for (int32_t y = p->row_begin; y < p->row_end; y++) {
            for (int32_t x = 0; x < p->out_w; x++, out += p->in_c) {
                int32_t region = edgeq_bias_region(p->bias_row, p->bias_col, p->bias_cols, y, x);
                edgeq_find_taps(p, input, y, x, zeros, taps);
                edgeq_all_channels(p, weights, taps, p->bias + region * p->in_c, out);
            }
        }
    }
}

#endif
