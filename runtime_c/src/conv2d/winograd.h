/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_WINOGRAD_H
#define EDGEQ_CONV2D_WINOGRAD_H

/* Winograd's convolutions: two neighbouring tiles of the output at a time are made from a patch of
 * the image. Who includes this file has included the transformations of inputs and sums before. */

#include "conv2d/window.h"
#include "edgeq/conv2d.h"
#include "isa/dsp.h"
#include "isa/products_2x4.h"
#include "stage.h"

/* Pixels somewhere in memory: of so many columns those from `begin` to `end`, which are on the
 * image; the others would be at the zero point. */
struct edgeq_patch {
    const int8_t *pixels;
    int32_t row_bytes;
    int32_t pixel_bytes;
    int32_t begin;
    int32_t end;
};

/* A part of the image, with `depth` channels: where it lies if all rows can be read there, else a
 * copy in `memory`, with rows at the zero point where no image is. Channels from in_c on are 0. */
static inline struct edgeq_patch edgeq_image_patch(const struct edgeq_conv2d_winograd_params *p,
    const int8_t *image, int32_t top, int32_t left, int32_t rows, int32_t cols, int32_t depth,
    int8_t *memory)
{
    struct edgeq_taps on = edgeq_taps_inside(left, p->in_w, cols, 1);
    int32_t begin = on.begin < on.end ? on.begin : on.end;
    const int8_t *column = image + (left + begin) * p->in_c;
    int32_t line = p->in_w * p->in_c;
    if (top >= 0 && top + rows <= p->in_h && depth == p->in_c) {
        struct edgeq_patch there = {column + top * line, line, depth, begin, on.end};
        return there;
    }
    struct edgeq_patch copy = {memory, (on.end - begin) * depth, depth, begin, on.end};
    for (int32_t row = top; row < top + rows; row++, memory += copy.row_bytes) {
        if (row < 0 || row >= p->in_h) {
            memset(memory, p->input_zero, (size_t)copy.row_bytes);
        } else if (depth == p->in_c) {
            memcpy(memory, column + row * line, (size_t)copy.row_bytes);
        } else {
            memset(memory, 0, (size_t)copy.row_bytes);
            for (int32_t col = 0; col < on.end - begin; col++) {
                memcpy(memory + col * depth, column + row * line + col * p->in_c, (size_t)p->in_c);
            }
        }
    }
    return copy;
}

/* Brings outputs into the range of the activation, which a byte's may be wider than. */
static inline void edgeq_clamp_rows(
    const struct edgeq_conv2d_winograd_params *p, int8_t *output, int32_t rows, int32_t cols)
{
    if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
        for (; rows > 0; rows--, output += p->out_w * p->out_c) {
            edgeq_clamp_bytes(output, cols * p->out_c, p->act_min, p->act_max);
        }
    }
}

/* The smaller one. */
static inline int32_t edgeq_least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* Transformed columns at the zero point. */
static inline void edgeq_fill_columns(int32_t *columns, int32_t begin, int32_t end, int32_t zero)
{
    for (int32_t x = begin; x < end; x++) {
        int32_t *column = columns + x * EDGEQ_SIDE;
        memset(column, 0, EDGEQ_SIDE * sizeof *column);
        column[0] = edgeq_transform_constant(zero);
    }
}

/* Two tiles of inputs; where no sums are yet there is room for columns. */
static void edgeq_transform_patch(
    struct edgeq_patch patch, int32_t zero, int32_t steps, int32_t *memory)
{
    for (int32_t i = 0; i < 2; i++) {
        int32_t *columns = memory + i * EDGEQ_COLUMNS * EDGEQ_SIDE;
        edgeq_fill_columns(columns, 0, patch.begin, zero);
        edgeq_fill_columns(columns, patch.end, EDGEQ_COLUMNS, zero);
    }
    for (int32_t step = 0; step < steps; step += 2, patch.pixels += 4) {
        if (patch.begin < patch.end) {
            edgeq_transform_columns(patch.pixels, patch.row_bytes, patch.pixel_bytes,
                memory + patch.begin * EDGEQ_SIDE, patch.end - patch.begin);
        }
        for (int32_t i = 0; i < 2; i++) {
            edgeq_transform_rows(memory + i * EDGEQ_COLUMNS * EDGEQ_SIDE,
                edgeq_step_planes(memory, step + i, steps));
        }
    }
}

#ifndef EDGEQ_TILES_IN_ASSEMBLY

/* So many tiles side by side, of so many channels, whose sums are two tiles apart. */
static inline void edgeq_finish_tiles(int32_t *sums, int32_t tiles, int32_t channels,
    const int32_t *biases, const int32_t *stages, int8_t *output, int32_t pixel_bytes,
    int32_t row_bytes)
{
    for (int32_t i = 0; i < channels * tiles; i++) {
        int32_t channel = i / tiles;
        int32_t *tile = sums + EDGEQ_PLANE * (2 * channel + i % tiles);
        int8_t *out = output + channel + i % tiles * EDGEQ_TILE * pixel_bytes;
        edgeq_transform_down(tile);
        for (int32_t y = 0; y < EDGEQ_TILE; y++, out += row_bytes) {
            struct edgeq_row row = edgeq_transform_across(tile + y);
            for (int32_t x = 0; x < EDGEQ_TILE; x++) {
                out[x * pixel_bytes] = edgeq_finish_sum(
                    row.at[x], biases[channel], stages + channel * EDGEQ_STAGE_WORDS);
            }
        }
    }
}

#endif

/* The part of a tile that is wanted, with biases by position. */
static void edgeq_finish_part(const struct edgeq_conv2d_winograd_params *p, int32_t *sums,
    int32_t channel, int32_t top, int32_t left, int8_t *output)
{
    const int32_t *stage = p->stages + channel * EDGEQ_STAGE_WORDS;
    edgeq_transform_down(sums);
    for (int32_t y = top; y < edgeq_least(top + EDGEQ_TILE, p->row_end); y++, sums++) {
        struct edgeq_row row = edgeq_transform_across(sums);
        int8_t *out = output + (y - top) * p->out_w * p->out_c;
        for (int32_t x = left; x < edgeq_least(left + EDGEQ_TILE, p->out_w); x++, out += p->out_c) {
            int32_t region = edgeq_bias_region(p->bias_row, p->bias_col, p->bias_cols, y, x);
            *out = edgeq_finish_sum(row.at[x - left], p->bias[region * p->out_c + channel], stage);
        }
    }
}

/* So many channels of two tiles, of which some on the left are wanted whole, with one bias. */
static void edgeq_finish_channels(const struct edgeq_conv2d_winograd_params *p, int32_t *sums,
    int32_t channel, int32_t channels, int32_t top, int32_t left, int32_t whole, int8_t *output)
{
    if (whole > 0) {
        edgeq_finish_tiles(sums, whole, channels, p->bias + channel,
            p->stages + channel * EDGEQ_STAGE_WORDS, output + channel, p->out_c,
            p->out_w * p->out_c);
    }
    int32_t end = channel + channels;
    for (int32_t x = whole * EDGEQ_TILE; x < edgeq_least(2 * EDGEQ_TILE, p->out_w - left);
        x += EDGEQ_TILE) {
        int32_t *tile = sums + x / EDGEQ_TILE * EDGEQ_PLANE;
        for (int32_t c = channel; c < end; c++, tile += 2 * EDGEQ_PLANE) {
            edgeq_finish_part(p, tile, c, top, left + x, output + x * p->out_c + c);
        }
    }
}

/* The whole convolution. */
static inline void edgeq_winograd(const struct edgeq_conv2d_winograd_params *p, const int8_t *input,
    int8_t *output, void *scratch)
{
    int32_t depth = (p->in_c + 3) & ~3;
    int32_t steps = depth / 2;
    int32_t *memory = (int32_t *)scratch;
    int8_t *room = (int8_t *)(memory + edgeq_plane_words(steps));
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t y = p->row_begin; y < p->row_end; y += EDGEQ_TILE) {
            for (int32_t x = 0; x < p->out_w; x += 2 * EDGEQ_TILE) {
                int8_t *out = output + (y * p->out_w + x) * p->out_c;
                struct edgeq_patch patch = edgeq_image_patch(p, input, y - p->pad_top,
                    x - p->pad_left, EDGEQ_SIDE, EDGEQ_COLUMNS, depth, room);
                edgeq_transform_patch(patch, p->input_zero, steps, memory);
                int32_t wanted = y + EDGEQ_TILE <= p->row_end && p->bias_row == NULL
                                     ? edgeq_least(p->out_w - x, 2 * EDGEQ_TILE)
                                     : 0;
                const int32_t *weights = p->weights;
                for (int32_t channel = 0; channel < p->out_c; channel += 4) {
                    weights = edgeq_products_2x4(memory, weights, steps);
                    edgeq_finish_channels(p, memory, channel, edgeq_least(4, p->out_c - channel), y,
                        x, wanted / EDGEQ_TILE, out);
                }
                edgeq_clamp_rows(p, out, edgeq_least(EDGEQ_TILE, p->row_end - y),
                    edgeq_least(2 * EDGEQ_TILE, p->out_w - x));
            }
        }
        input += p->in_h * p->in_w * p->in_c;
        output += p->out_h * p->out_w * p->out_c;
    }
}

#endif
