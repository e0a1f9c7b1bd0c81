/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_STRIP_SWAR_H
#define EDGEQ_CONV2D_STRIP_SWAR_H

/* What some lines of outputs of one channel are made of, as pairs.
 *
 * The outputs of a line are computed in two halves side by side, so that the elements that both
 * halves need at the same time make a pair: `half_stride` pixels lie between them. A strip is
 * `columns` columns of `depth` pairs, one for each line. */

#include "conv2d/runs_swar.h"
#include "edgeq/conv2d.h"

/* An element of a column and the way to others; padding has steps of 0. */
struct edgeq_elements {
    const int8_t *at;
    int32_t line_step;
    int32_t step;
};

/* The lines of each column of a strip: padding, then lines of the image, then padding; then so many
 * places that are left out. */
struct edgeq_depths {
    int32_t before;
    int32_t image;
    int32_t behind;
    int32_t left_out;
};

/* `count` columns; returns where the next one goes. */
static EDGEQ_OUT_OF_LINE int32_t *edgeq_write_columns(struct edgeq_elements first,
    struct edgeq_elements second, int32_t count, const struct edgeq_depths *depths, int32_t zeros,
    int32_t *to)
{
    for (; count > 0; count--) {
        for (int32_t i = depths->before; i > 0; i--) {
            *to++ = zeros;
        }
        const int8_t *a = first.at;
        const int8_t *b = second.at;
        int32_t a_step = first.line_step;
        int32_t b_step = second.line_step;
        for (const int32_t *end = to + depths->image; to != end; to++) {
            *to = edgeq_pair(*a, *b);
            a += a_step;
            b += b_step;
        }
        for (int32_t i = depths->behind; i > 0; i--) {
            *to++ = zeros;
        }
        to += depths->left_out;
        first.at += first.step;
        second.at += second.step;
    }
    return to;
}

/* Lines [begin, end) of the image to place `to` of every column. At the borders of the image, first
 * or second elements are padding, or both. */
static inline void edgeq_write_strip(const struct edgeq_depthwise_swar_params *p,
    const int8_t *input, int32_t begin, int32_t end, int32_t *to)
{
    const int8_t zero = (int8_t)p->input_zero;
    int32_t lines = end - begin;
    struct edgeq_depths depths = {0, 0, 0, p->depth - lines};
    depths.before = begin < 0 ? edgeq_smaller(-begin, lines) : 0;
    depths.behind = end > p->in_lines ? edgeq_smaller(end - p->in_lines, lines) : 0;
    depths.image = lines - depths.before - depths.behind;
    if (depths.image > 0) {
        input += (begin + depths.before) * p->in_line_step;
    }
    int32_t first = -p->pad;
    for (int32_t left = p->columns; left > 0;) {
        int32_t second = first + p->half_stride;
        struct edgeq_run a = edgeq_run_of(input, first, p->in_length, p->in_step, &zero);
        struct edgeq_run b = edgeq_run_of(input, second, p->in_length, p->in_step, &zero);
        int32_t count = edgeq_smallest(a.count, b.count, left);
        struct edgeq_elements firsts = {a.from, a.step == 0 ? 0 : p->in_line_step, a.step};
        struct edgeq_elements seconds = {b.from, b.step == 0 ? 0 : p->in_line_step, b.step};
        to = edgeq_write_columns(firsts, seconds, count, &depths, edgeq_pair(zero, zero), to);
        first += count;
        left -= count;
    }
}

/* The last `kept` lines of a strip that has `lines` become its first. */
static inline void edgeq_keep_lines(
    const struct edgeq_depthwise_swar_params *p, int32_t lines, int32_t kept, int32_t *strip)
{
    for (int32_t i = 0; i < p->columns; i++, strip += p->depth) {
        for (int32_t k = 0; k < kept; k++) {
            strip[k] = strip[lines - kept + k];
        }
    }
}

#endif
