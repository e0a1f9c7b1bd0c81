/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_CONV_S8_MVE_H
#define EDGEQ_CONV2D_CONV_S8_MVE_H

#include "conv2d/strips_mve.h"
#include "isa/mve_tile.h"

/* What stays the same from tile to tile. */
struct edgeq_mve_layer {
    const struct edgeq_conv2d_mve_params *p;
    const int8_t *image;
    int8_t *strips;
    /* For the outputs of four pixels, where those cannot be written as words. */
    int8_t *staging;
    int32_t channels;
    int32_t as_words;
};

/* Where the taps of output pixels are: those of the first one, and the bytes to those beside and
 * below it. */
struct edgeq_mve_taps {
    const int8_t *first;
    int32_t pixel_step;
    int32_t row_step;
};

/* So many tiles of up to four pixels, whose inputs are set; more than one only of four, and where
 * outputs can be written as words. Returns where the next outputs go. */
static inline int8_t *edgeq_write_tiles(const struct edgeq_mve_layer *l,
    struct edgeq_mve_tiles *tiles, int32_t pixels, int32_t count, int8_t *output, int packed)
{
    int32_t out_c = l->p->out_c;
    int8_t *to = l->as_words != 0 ? output : l->staging;
    for (int32_t i = 0; i < EDGEQ_TILE_PIXELS; i++, to += l->channels) {
        tiles->output[i] = to;
        if (i >= pixels) {
            tiles->input[i] = tiles->input[0];
            tiles->output[i] = tiles->output[0];
        }
    }
    tiles->tiles = count;
    if (packed) {
        edgeq_mve_run_packed_tiles(tiles);
    } else {
        edgeq_mve_run_tiles(tiles);
    }
    for (int32_t i = 0; i < pixels && l->as_words == 0; i++) {
        edgeq_mve_copy(output + i * out_c, l->staging + i * l->channels, out_c);
    }
    return output + count * pixels * out_c;
}

/* Neighbours in a row of the output, all of one region. */
static inline int8_t *edgeq_write_neighbours(const struct edgeq_mve_layer *l,
    struct edgeq_mve_tiles *tiles, const int8_t *input, int32_t step, int32_t pixels,
    int8_t *output, int packed)
{
    tiles->input_step = EDGEQ_TILE_PIXELS * step;
    while (pixels > 0) {
        int32_t together = pixels < EDGEQ_TILE_PIXELS ? pixels : EDGEQ_TILE_PIXELS;
        int32_t count =
            l->as_words != 0 && pixels > EDGEQ_TILE_PIXELS ? pixels / EDGEQ_TILE_PIXELS : 1;
        for (int32_t i = 0; i < EDGEQ_TILE_PIXELS; i++) {
            tiles->input[i] = input + i * step;
        }
        output = edgeq_write_tiles(l, tiles, together, count, output, packed);
        input += count * together * step;
        pixels -= count * together;
    }
    return output;
}

/* Rows of one region, with tiles that go on from row to row. */
static inline int8_t *edgeq_write_through_rows(const struct edgeq_mve_layer *l,
    struct edgeq_mve_tiles *tiles, int32_t rows, const struct edgeq_mve_taps *taps, int8_t *output,
    int packed)
{
    int32_t out_w = l->p->out_w;
    const int8_t *row = taps->first;
    int32_t x = 0;
    for (int32_t left = rows * out_w; left > 0;) {
        int32_t pixels = 0;
        for (; pixels < EDGEQ_TILE_PIXELS && pixels < left; pixels++, x++) {
            if (x == out_w) {
                x = 0;
                row += taps->row_step;
            }
            tiles->input[pixels] = row + x * taps->pixel_step;
        }
        output = edgeq_write_tiles(l, tiles, pixels, 1, output, packed);
        left -= pixels;
    }
    return output;
}

/* Rows [y, end) of the output; returns where the next go. */
static inline int8_t *edgeq_write_rows(const struct edgeq_mve_layer *l,
    struct edgeq_mve_tiles *tiles, int32_t y, int32_t end, struct edgeq_mve_taps taps,
    int8_t *output, int packed)
{
    const struct edgeq_conv2d_mve_params *p = l->p;
    tiles->stages = p->stages;
    if (p->bias_row == NULL && taps.row_step == p->out_w * taps.pixel_step) {
        return edgeq_write_neighbours(
            l, tiles, taps.first, taps.pixel_step, (end - y) * p->out_w, output, packed);
    }
    if (p->bias_row == NULL && p->strips > 1) {
        return edgeq_write_through_rows(l, tiles, end - y, &taps, output, packed);
    }
    for (; y < end; y++, taps.first += taps.row_step) {
        for (int32_t x = 0, next; x < p->out_w; x = next) {
            int32_t region = edgeq_bias_region(p->bias_row, p->bias_col, p->bias_cols, y, x);
            next = edgeq_region_end(p->bias_col, x, p->out_w);
            tiles->stages = p->stages + region * l->channels * EDGEQ_MVE_WORDS;
            output = edgeq_write_neighbours(l, tiles, taps.first + x * taps.pixel_step,
                taps.pixel_step, next - x, output, packed);
        }
    }
    return output;
}

/* The first row of the output that is not made of the input itself: all where the kernel is larger
 * than a pixel; none or the last ones where it is one pixel, as the loads of a tile go past it, up
 * to 15 bytes, and may not leave the input. `size` is that of the input from the image on. */
static inline int32_t edgeq_first_copied(
    const struct edgeq_conv2d_mve_params *p, int32_t taps, int32_t size)
{
    if (p->kernel_h * p->kernel_w > 1 || p->pad_top > 0 || p->pad_left > 0) {
        return p->row_begin;
    }
    int32_t last = (p->out_w - 1) * p->stride_w * p->in_c + taps;
    int32_t y = p->row_end;
    while (y > p->row_begin && (y - 1) * p->stride_h * p->in_w * p->in_c + last > size) {
        y--;
    }
    return y;
}

/* The whole convolution; weights are bytes or `packed`. */
static inline void edgeq_conv_of_s8_mve(const struct edgeq_conv2d_mve_params *p,
    const int8_t *input, int8_t *output, void *scratch, int packed)
{
    int32_t size = p->kernel_h * p->kernel_w * p->in_c;
    int32_t blocks = (size + EDGEQ_TILE_TAPS - 1) / EDGEQ_TILE_TAPS;
    int32_t groups = (p->out_c + EDGEQ_TILE_CHANNELS - 1) / EDGEQ_TILE_CHANNELS;
    int32_t image_size = p->in_h * p->in_w * p->in_c;
    int32_t columns = p->dilation_w == 1 ? p->stride_w : p->kernel_w;
    struct edgeq_mve_layer l = {
        .p = p,
        .image = input,
        .strips = scratch,
        .staging = (int8_t *)scratch + p->strips * p->strip_bytes,
        .channels = EDGEQ_TILE_CHANNELS * groups,
        .as_words = (((uintptr_t)output | (uintptr_t)p->out_c) & 3) == 0,
    };
    struct edgeq_mve_taps copied = {l.strips, columns * p->kernel_h * p->in_c, p->strip_bytes};
    struct edgeq_mve_tiles tiles = {
        .output_offset = p->output_offset,
        .weights = p->weights,
        .groups = groups,
        .output_step = EDGEQ_TILE_PIXELS * p->out_c,
    };
    edgeq_set_blocks(&tiles, blocks, packed);

    int8_t *end = output;
    for (int32_t b = 0; b < p->batches; b++, l.image += image_size) {
        int32_t y = edgeq_first_copied(p, EDGEQ_TILE_TAPS * blocks, (p->batches - b) * image_size);
        struct edgeq_mve_taps direct = {l.image + p->row_begin * p->stride_h * p->in_w * p->in_c,
            p->stride_w * p->in_c, p->stride_h * p->in_w * p->in_c};
        end = edgeq_write_rows(&l, &tiles, p->row_begin, y, direct, end, packed);
        while (y < p->row_end) {
            int32_t rows = p->row_end - y < p->strips ? p->row_end - y : p->strips;
            for (int32_t i = 0; i < rows; i++) {
                edgeq_copy_strip(p, l.image, y + i, l.strips + i * p->strip_bytes);
            }
            end = edgeq_write_rows(&l, &tiles, y, y + rows, copied, end, packed);
            y += rows;
        }
    }
    if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
        edgeq_mve_clamp(output, p->act_min, p->act_max, (int32_t)(end - output));
    }
}

#endif
