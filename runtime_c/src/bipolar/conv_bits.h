/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_BIPOLAR_CONV_BITS_H
#define EDGEQ_BIPOLAR_CONV_BITS_H

#include "bipolar/bit_runs.h"
#include "bipolar/differences.h"
#include "bipolar/sums.h"
#include "conv2d/window.h"
#include "edgeq/bipolar.h"

/* The bits under a window, in the order of the weights, 0 where it is beyond the image; `mask` has
 * ones where there are any, `taps` of them. */
struct edgeq_window_bits {
    uint32_t *x;
    uint32_t *mask;
    int32_t words;
    int32_t taps;
};

/* The window whose first tap falls on row `top`, column `left` of the image that begins with bit
 * `first`. Pixels side by side are one run. */
static inline void edgeq_take_window(const struct edgeq_bipolar_conv2d_params *p,
    const uint32_t *input, int32_t first, struct edgeq_taps rows, int32_t top, int32_t left,
    struct edgeq_window_bits *window)
{
    struct edgeq_taps cols = edgeq_taps_inside(left, p->in_w, p->kernel_w, p->dilation_w);
    int32_t together = p->dilation_w == 1 && cols.end > cols.begin ? cols.end - cols.begin : 1;
    int32_t bits = together * p->in_c;
    edgeq_clear_words(window->x, 2 * window->words);
    window->taps = 0;
    for (int32_t ky = rows.begin; ky < rows.end; ky++) {
        int32_t line = first + (top + ky * p->dilation_h) * p->in_w * p->in_c;
        for (int32_t kx = cols.begin; kx < cols.end; kx += together) {
            int32_t at = (ky * p->kernel_w + kx) * p->in_c;
            int32_t from = line + (left + kx * p->dilation_w) * p->in_c;
            edgeq_copy_bits(window->x, at, input, from, bits);
            window->taps += bits;
        }
    }
}

/* Which bits of the window are on the image. */
static inline void edgeq_take_mask(const struct edgeq_bipolar_conv2d_params *p,
    struct edgeq_taps rows, int32_t left, struct edgeq_window_bits *window)
{
    struct edgeq_taps cols = edgeq_taps_inside(left, p->in_w, p->kernel_w, p->dilation_w);
    for (int32_t ky = rows.begin; ky < rows.end; ky++) {
        int32_t at = (ky * p->kernel_w + cols.begin) * p->in_c;
        int32_t count = (cols.end - cols.begin) * p->in_c;
        for (; count > 0; count -= EDGEQ_WORD_BITS, at += EDGEQ_WORD_BITS) {
            int32_t some = count < EDGEQ_WORD_BITS ? count : EDGEQ_WORD_BITS;
            edgeq_put_bits(window->mask, at, UINT32_MAX >> (EDGEQ_WORD_BITS - some), some);
        }
    }
}

/* All channels of a pixel. */
static inline void edgeq_write_pixel(const struct edgeq_bipolar_conv2d_params *p,
    const struct edgeq_window_bits *window, const int32_t *bias, struct edgeq_sum_writer *writer,
    int32_t bytes)
{
    int32_t whole = window->taps == p->kernel_h * p->kernel_w * p->in_c;
    const int32_t *weights = p->weights;
    for (int32_t o = 0; o < p->out_c; o++, weights += window->words) {
        int32_t differ =
            whole ? edgeq_count_differences(window->x, weights, NULL, window->words)
                  : edgeq_count_differences(window->x, weights, window->mask, window->words);
        int32_t sum = window->taps - 2 * differ;
        edgeq_write_sum(writer, o, edgeq_wrapping_add(sum, bias[o]), bytes);
    }
}

/* The whole convolution, to outputs of `bytes` bytes, 0 for bits. */
static inline void edgeq_conv_of_bits(const struct edgeq_bipolar_conv2d_params *p,
    const uint32_t *input, void *output, void *scratch, int32_t bytes)
{
    struct edgeq_sum_stage stage = {
        p->multiplier, p->shift, p->output_offset, p->act_min, p->act_max};
    struct edgeq_sum_writer writer = edgeq_write_sums(stage, output);
    int32_t taps = p->kernel_h * p->kernel_w * p->in_c;
    uint32_t *x = (uint32_t *)scratch;
    struct edgeq_window_bits window = {x, x + edgeq_words_of(taps), edgeq_words_of(taps), 0};
    for (int32_t b = 0; b < p->batches; b++) {
        int32_t first = b * p->in_h * p->in_w * p->in_c;
        for (int32_t row = 0; row < p->out_h; row++) {
            int32_t top = row * p->stride_h - p->pad_top;
            struct edgeq_taps rows = edgeq_taps_inside(top, p->in_h, p->kernel_h, p->dilation_h);
            for (int32_t col = 0; col < p->out_w; col++) {
                int32_t left = col * p->stride_w - p->pad_left;
                int32_t region =
                    edgeq_bias_region(p->bias_row, p->bias_col, p->bias_cols, row, col);
                edgeq_take_window(p, input, first, rows, top, left, &window);
                if (window.taps < taps) {
                    edgeq_take_mask(p, rows, left, &window);
                }
                edgeq_write_pixel(p, &window, p->bias + region * p->out_c, &writer, bytes);
            }
        }
    }
    edgeq_end_sums(&writer, bytes);
}

#endif
