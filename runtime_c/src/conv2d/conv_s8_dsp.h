/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_CONV_S8_DSP_H
#define EDGEQ_CONV2D_CONV_S8_DSP_H

/* A convolution by pairs of output pixels. Who includes this file defines before how their widened
 * inputs are multiplied with the filters: edgeq_set_steps and edgeq_multiply_pixels, which take a
 * struct edgeq_rows_2x4, and edgeq_sum_pixel, which writes words behind the inputs of a pixel. */

#include "conv2d/windows_dsp.h"
#include "edgeq/conv2d.h"
#include "isa/rows_2x4.h"

#include <stddef.h>

/* Pairs of output pixels: what they are multiplied with, and the place of the channels that do not
 * make four. */
struct edgeq_pixels {
    struct edgeq_rows_2x4 rows;
    int8_t last[2][4];
    int unfinished; /* something is left to be done for each pair */
};

static inline void edgeq_begin_pixels(const struct edgeq_conv2d_dsp_params *p,
    struct edgeq_pixels *pixels, const int32_t *x, int32_t steps)
{
    edgeq_set_steps(&pixels->rows, x, steps);
    pixels->rows.weights = p->weights;
    pixels->rows.whole = p->out_c & ~3;
    pixels->rows.rest[0] = pixels->last[0];
    pixels->rows.rest[1] = pixels->last[1];
    pixels->rows.rest_end = (p->out_c & 3) != 0 ? pixels->last[0] + 4 : NULL;
    pixels->unfinished = (p->out_c & 3) != 0 || p->act_min > INT8_MIN || p->act_max < INT8_MAX;
}

/* What the loop over groups of channels leaves to be done. */
static EDGEQ_OUT_OF_LINE void edgeq_finish_pixels(
    const struct edgeq_conv2d_dsp_params *p, const struct edgeq_pixels *pixels)
{
    int32_t whole = pixels->rows.whole;
    for (int32_t i = 0; i < 2; i++) {
        int8_t *output = pixels->rows.output[i];
        for (int32_t c = whole; c < p->out_c; c++) {
            output[c] = pixels->last[i][c - whole];
        }
        if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
            edgeq_clamp_bytes(output, p->out_c, p->act_min, p->act_max);
        }
    }
}

static inline void edgeq_conv_s8_dsp(
    const struct edgeq_conv2d_dsp_params *p, const int8_t *input, int8_t *output, void *scratch)
{
    int32_t line = p->in_w * p->in_c;
    int32_t run = p->kernel_w * p->in_c;
    const struct edgeq_runs inside = edgeq_runs_of(p->kernel_h, run, p->dilation_h * line);
    const struct edgeq_runs collected = edgeq_runs_of(p->kernel_h, run, run);
    int32_t taps = p->kernel_h * run;
    int32_t steps = (taps + 1) / 2 + p->sums;
    int32_t *x = (int32_t *)scratch;
    int8_t *window = (int8_t *)(x + 2 * steps);
    struct edgeq_pixels pixels;
    edgeq_begin_pixels(p, &pixels, x, steps);

    int32_t slot = 0;
    int32_t missing = p->batches * (p->row_end - p->row_begin) * p->out_w;
    for (int32_t b = 0; b < p->batches; b++, input += p->in_h * line) {
        int8_t *out = output + (b * p->out_h + p->row_begin) * p->out_w * p->out_c;
        for (int32_t y = p->row_begin; y < p->row_end; y++) {
            int32_t top = y * p->stride_h - p->pad_top;
            int32_t left = -p->pad_left;
            const int32_t *bias = p->bias;
            int32_t first = p->inside_left;
            int32_t whole =
                y >= p->inside_top && y < p->inside_bottom ? p->inside_right - first : 0;
            for (int32_t col = 0; col < p->out_w; col++, left += p->stride_w, out += p->out_c) {
                const struct edgeq_runs *runs = &inside;
                const int8_t *from = input + top * line + left * p->in_c;
                if ((uint32_t)(col - first) >= (uint32_t)whole) {
                    edgeq_collect_window(p, input, top, left, window);
                    runs = &collected;
                    from = window;
                }
                if (p->bias_row != NULL) {
                    int32_t region = p->bias_row[y] * p->bias_cols + p->bias_col[col];
                    bias = p->bias + region * ((p->out_c + 3) & ~3);
                }
                missing--;
                do { /* a last pixel without a neighbour is its own */
                    edgeq_widen_runs(runs, from, x + slot);
                    if (p->sums != 0) {
                        edgeq_sum_pixel(x + slot, taps, p->sums);
                    }
                    pixels.rows.bias[slot] = bias;
                    pixels.rows.output[slot] = out;
                    slot++;
                } while (slot == 1 && missing == 0);
                if (slot == 2) {
                    edgeq_multiply_pixels(&pixels.rows);
                    if (pixels.unfinished) {
                        edgeq_finish_pixels(p, &pixels);
                    }
                    slot = 0;
                }
            }
        }
    }
}

#endif
