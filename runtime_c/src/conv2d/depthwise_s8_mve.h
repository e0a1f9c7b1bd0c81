/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_DEPTHWISE_S8_MVE_H
#define EDGEQ_CONV2D_DEPTHWISE_S8_MVE_H

#include "conv2d/window.h"
#include "edgeq/conv2d.h"
#include "isa/mve_columns.h"

/* Writes all that the windows of output row y, and of the next where they come in blocks, are made
 * of, as words of four rows; `zeros` is a row of padding. */
static inline void edgeq_write_words(const struct edgeq_depthwise_mve_params *p,
    const int8_t *image, int32_t y, const int8_t *zeros, int8_t *words)
{
    int32_t line = p->in_w * p->in_c;
    int32_t columns = (p->out_w - 1) * p->stride_w + (p->kernel_w - 1) * p->dilation_w + 1;
    int32_t used = columns - p->pad_left < p->in_w ? columns - p->pad_left : p->in_w;
    int32_t before = p->pad_left * p->in_c;
    int32_t behind = (columns - p->pad_left - used) * p->in_c;
    for (int32_t band = 0; band < p->bands; band++, words += p->band_bytes) {
        const int8_t *rows[EDGEQ_COLUMN_ROWS];
        int32_t row = y * p->stride_h - p->pad_top + band * EDGEQ_COLUMN_ROWS * p->dilation_h;
        for (int32_t i = 0; i < EDGEQ_COLUMN_ROWS; i++, row += p->dilation_h) {
            rows[i] = row >= 0 && row < p->in_h ? image + row * line : zeros;
        }
        int8_t *inside = words + before * EDGEQ_COLUMN_ROWS;
        edgeq_mve_interleave(inside, rows, used * p->in_c);
        if (before > 0) {
            edgeq_mve_fill(words, p->input_zero, before * EDGEQ_COLUMN_ROWS);
        }
        if (behind > 0) {
            edgeq_mve_fill(inside + used * p->in_c * EDGEQ_COLUMN_ROWS, p->input_zero,
                behind * EDGEQ_COLUMN_ROWS);
        }
    }
}

static inline void edgeq_set_lanes(int32_t lanes[4], int32_t step)
{
    for (int32_t i = 0; i < 4; i++) {
        lanes[i] = i * step;
    }
}

/* Output rows y and y + 1. */
static inline void edgeq_write_blocks(
    const struct edgeq_depthwise_mve_params *p, const int8_t *words, int8_t *output, int packed)
{
    int32_t row = p->out_w * p->in_c;
    struct edgeq_mve_blocks blocks = {
        .words = words,
        .output = output,
        .stages = p->stages,
        .pairs = p->out_w / 2,
        .odd = p->out_w % 2,
        .weights_end = p->weights + p->in_c * p->weights_step,
        .weights = p->weights,
        .two_pixels = 2 * p->in_c,
        .output_offset = p->output_offset,
        .scatter = {0, p->in_c, row, row + p->in_c},
    };
    edgeq_set_lanes(blocks.gather, EDGEQ_COLUMN_ROWS * p->in_c);
    if (packed) {
        edgeq_mve_run_packed_blocks(&blocks);
    } else {
        edgeq_mve_run_blocks(&blocks);
    }
}

/* Neighbours in a row of the output, of one region, whose windows are one vector. */
static inline void edgeq_write_short_line(const struct edgeq_depthwise_mve_params *p,
    const int32_t *stages, const int8_t *words, int32_t pixels, int8_t *output, int packed)
{
    struct edgeq_mve_line line = {
        .words = words,
        .output = output,
        .stages = stages,
        .fours = pixels / 4,
        .rest = pixels % 4,
        .weights = p->weights,
        .weights_step = p->weights_step,
        .channels = p->in_c,
        .pixel_step = p->stride_w * p->in_c * EDGEQ_COLUMN_ROWS,
        .output_offset = p->output_offset,
        .four_pixels = 4 * p->in_c,
    };
    edgeq_set_lanes(line.gather, p->dilation_w * EDGEQ_COLUMN_ROWS * p->in_c);
    edgeq_set_lanes(line.scatter, p->in_c);
    if (packed) {
        edgeq_mve_run_packed_line(&line);
    } else {
        edgeq_mve_run_line(&line);
    }
}

/* The same of larger windows. */
static inline void edgeq_write_long_line(const struct edgeq_depthwise_mve_params *p,
    const int32_t *stages, const int8_t *words, int32_t pixels, int8_t *output, int packed)
{
    struct edgeq_mve_long_line line = {
        .words = words,
        .output = output,
        .stages = stages,
        .weights = p->weights,
        .places = p->places,
        .output_offset = p->output_offset,
        .four_pixels = 4 * p->in_c,
        .more_words = p->more_words,
        .pixels = pixels,
        .weights_step = p->weights_step,
        .channels = p->in_c,
        .pixel_step = p->stride_w * p->in_c * EDGEQ_COLUMN_ROWS,
    };
    edgeq_set_lanes(line.gather, p->dilation_w * EDGEQ_COLUMN_ROWS * p->in_c);
    edgeq_set_lanes(line.scatter, p->in_c);
    if (packed) {
        edgeq_mve_run_packed_long_line(&line);
    } else {
        edgeq_mve_run_long_line(&line);
    }
}

/* Output row y. */
static inline void edgeq_write_line(const struct edgeq_depthwise_mve_params *p, const int8_t *words,
    int32_t y, int8_t *output, int packed)
{
    for (int32_t x = 0, next; x < p->out_w; x = next) {
        int32_t region = edgeq_bias_region(p->bias_row, p->bias_col, p->bias_cols, y, x);
        const int32_t *stages = p->stages + region * p->in_c * EDGEQ_MVE_WORDS;
        const int8_t *first = words + x * p->stride_w * p->in_c * EDGEQ_COLUMN_ROWS;
        next = edgeq_region_end(p->bias_col, x, p->out_w);
        if (p->more_words > 0) {
            edgeq_write_long_line(p, stages, first, next - x, output + x * p->in_c, packed);
        } else {
            edgeq_write_short_line(p, stages, first, next - x, output + x * p->in_c, packed);
        }
    }
}

/* The whole convolution; weights are bytes or `packed`. */
static inline void edgeq_depthwise_of_s8_mve(const struct edgeq_depthwise_mve_params *p,
    const int8_t *input, int8_t *output, void *scratch, int packed)
{
    int32_t line = p->in_w * p->in_c;
    int32_t row = p->out_w * p->in_c;
    int8_t *words = scratch;
    int8_t *zeros = words + p->words_bytes;
    int8_t *out = output;
    edgeq_mve_fill(zeros, p->input_zero, line);
    for (int32_t b = 0; b < p->batches; b++, input += p->in_h * line) {
        for (int32_t y = p->row_begin; y < p->row_end;) {
            edgeq_write_words(p, input, y, zeros, words);
            if (p->in_blocks != 0 && y + 1 < p->row_end) {
                edgeq_write_blocks(p, words, out, packed);
                out += 2 * row;
                y += 2;
            } else {
                edgeq_write_line(p, words, y, out, packed);
                out += row;
                y++;
            }
        }
    }
    if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
        edgeq_mve_clamp(output, p->act_min, p->act_max, (int32_t)(out - output));
    }
}

#endif
