/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_PLANES_3X3_DSP_H
#define EDGEQ_CONV2D_PLANES_3X3_DSP_H

/* Planes: four channels of some lines of an image, widened and sorted by channel, with the padding
 * in place. */

#include "edgeq/conv2d.h"
#include "isa/depthwise_3x3.h"

/* Words to the line behind, and to the next two neighbours. */
enum { EDGEQ_PLANE_LINE = EDGEQ_PLANE_DOWN / 4, EDGEQ_PLANE_COLUMN = EDGEQ_PLANE_ACROSS / 4 };

/* A column of four planes from the channels of two neighbours. */
static inline int32_t *edgeq_write_column(int32_t *to, int32_t left, int32_t right)
{
    int32_t lower = edgeq_lower_halves(left, right);
    int32_t upper = edgeq_upper_halves(left, right);
    to[0] = edgeq_sxtb16(lower);
    to[1] = edgeq_sxtb16_odd(lower);
    to[2] = edgeq_sxtb16(upper);
    to[3] = edgeq_sxtb16_odd(upper);
    return to + EDGEQ_PLANE_COLUMN;
}

/* Padding: so many columns of so many lines. */
static inline void edgeq_write_padding(int32_t *to, int32_t zeros, int32_t lines, int32_t columns)
{
    for (; lines > 0; lines--, to += EDGEQ_PLANE_LINE) {
        int32_t *column = to;
        for (int32_t i = 0; i < columns; i++) {
            column = edgeq_write_column(column, zeros, zeros);
        }
    }
}

/* A column of padding and pixels; of pixels and padding if `last`. */
static inline void edgeq_write_border(
    int32_t *to, int32_t zeros, int32_t lines, const int8_t *from, int32_t line_step, int32_t last)
{
    for (const int32_t *end = to + lines * EDGEQ_PLANE_LINE; to < end; to += EDGEQ_PLANE_LINE) {
        int32_t pixel = edgeq_load_word(from);
        edgeq_write_column(to, last ? pixel : zeros, last ? zeros : pixel);
        from += line_step;
    }
}

/* Columns of two pixels. */
static inline void edgeq_write_pixels(int32_t *to, int32_t lines, int32_t columns,
    const int8_t *from, int32_t step, int32_t line_step)
{
    for (; lines > 0; lines--, to += EDGEQ_PLANE_LINE, from += line_step) {
        const int8_t *left = from;
        const int8_t *right = from + step;
        int32_t *column = to;
        const int32_t *end = to + (columns & ~1) * EDGEQ_PLANE_COLUMN;
        while (column < end) {
            int32_t pixel0 = edgeq_load_word(left);
            int32_t pixel1 = edgeq_load_word(right);
            int32_t pixel2 = edgeq_load_word(left + 2 * step);
            int32_t pixel3 = edgeq_load_word(right + 2 * step);
            left += 4 * step;
            right += 4 * step;
            edgeq_write_column(column, pixel0, pixel1);
            edgeq_write_column(column + EDGEQ_PLANE_COLUMN, pixel2, pixel3);
            column += 2 * EDGEQ_PLANE_COLUMN;
        }
        if (columns & 1) {
            edgeq_write_column(column, edgeq_load_word(left), edgeq_load_word(right));
        }
    }
}

/* Lines of the image from pixel `from` on. One kind of columns after the other needs few registers
 * at a time. */
static EDGEQ_OUT_OF_LINE void edgeq_write_lines(
    int32_t *to, const struct edgeq_depthwise_3x3_params *p, const int8_t *from, int32_t lines)
{
    const int32_t zeros = edgeq_four_bytes(p->input_zero);
    edgeq_write_padding(to, zeros, lines, p->columns_before);
    to += p->columns_before * EDGEQ_PLANE_COLUMN;
    if (p->column_first) {
        edgeq_write_border(to, zeros, lines, from, p->in_line_step, 0);
        to += EDGEQ_PLANE_COLUMN;
        from += p->in_step;
    }
    edgeq_write_pixels(to, lines, p->columns_whole, from, p->in_step, p->in_line_step);
    to += p->columns_whole * EDGEQ_PLANE_COLUMN;
    from += 2 * p->columns_whole * p->in_step;
    if (p->column_last) {
        edgeq_write_border(to, zeros, lines, from, p->in_line_step, 1);
        to += EDGEQ_PLANE_COLUMN;
    }
    edgeq_write_padding(to, zeros, lines, p->columns_behind);
}

/* Lines [first, first + count) of planes become their first ones. */
static inline void edgeq_move_lines(int32_t *plane, int32_t columns, int32_t first, int32_t count)
{
    struct line {
        int32_t words[EDGEQ_PLANE_LINE];
    };
    for (; columns > 0; columns--, plane += EDGEQ_PLANE_COLUMN) {
        struct line *line = (struct line *)plane;
        for (int32_t i = 0; i < count; i++) {
            line[i] = line[first + i];
        }
    }
}

#endif
