/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_LINES_SWAR_H
#define EDGEQ_CONV2D_LINES_SWAR_H

/* The lines of the image under a row of windows, as pairs.
 *
 * The taps of a window in one line lie side by side, and `apart` is half their number. Every
 * element is paired with the one `apart` behind it, so that as many neighbouring pairs have all
 * taps, wherever a window begins. */

#include "conv2d/pixels_swar.h"
#include "conv2d/runs_swar.h"
#include "edgeq/conv2d.h"

#include <stddef.h>

/* Slots of `length` pairs, one for each line of a window, used in turn: `slot` is that of line
 * `next`, and, once all lines of a window are there, of its first. */
struct edgeq_lines {
    int32_t *pairs;
    int32_t count;
    int32_t length;
    int32_t apart;
    int32_t next;
    int32_t slot;
};

/* Pairs of elements; returns where the next one goes. */
static EDGEQ_OUT_OF_LINE int32_t *edgeq_write_pairs(const int8_t *first, int32_t first_step,
    const int8_t *second, int32_t second_step, int32_t count, int32_t *to)
{
    for (const int32_t *end = to + count; to != end; to++) {
        *to = edgeq_pair(*first, *second);
        first += first_step;
        second += second_step;
    }
    return to;
}

/* One line of the image, or padding where `line` is null, from the first tap of the first window
 * on. */
static inline void edgeq_write_line(const struct edgeq_conv2d_swar_params *p, const int8_t *line,
    const struct edgeq_lines *lines, int32_t *to)
{
    const int8_t zero = (int8_t)p->input_zero;
    int32_t size = line == NULL ? 0 : p->in_w * p->in_c;
    int32_t first = -p->pad_left * p->in_c;
    int32_t end = first + lines->length;
    while (first < end) {
        int32_t second = first + lines->apart;
        struct edgeq_run a = edgeq_run_of(line, first, size, 1, &zero);
        struct edgeq_run b = edgeq_run_of(line, second, size, 1, &zero);
        int32_t count = edgeq_smallest(a.count, b.count, end - first);
        to = edgeq_write_pairs(a.from, a.step, b.from, b.step, count, to);
        first += count;
    }
}

/* Lines from `top` on, as far as they are not there yet. */
static inline void edgeq_fill_lines(const struct edgeq_conv2d_swar_params *p, const int8_t *image,
    int32_t top, struct edgeq_lines *lines)
{
    lines->next = lines->next < top ? top : lines->next;
    for (; lines->next < top + lines->count; lines->next++) {
        int32_t y = lines->next;
        const int8_t *line = y < 0 || y >= p->in_h ? NULL : image + y * p->in_w * p->in_c;
        edgeq_write_line(p, line, lines, lines->pairs + lines->slot * lines->length);
        lines->slot = lines->slot + 1 == lines->count ? 0 : lines->slot + 1;
    }
}

/* The window whose first tap in a line is `from` elements behind that of the first window, as one
 * of the pixels of edgeq_pair_channels. */
static EDGEQ_OUT_OF_LINE void edgeq_write_window(
    const struct edgeq_lines *lines, int32_t from, int32_t *to)
{
    const int32_t apart = lines->apart;
    const int32_t next = lines->length - apart;
    const int32_t all = lines->count * lines->length;
    const int32_t *pairs = lines->pairs + lines->slot * lines->length + from;
    const int32_t *behind = lines->pairs + all;
    for (int32_t i = lines->count; i > 0; i--) {
        for (const int32_t *end = pairs + (apart & ~1); pairs < end; to += 2 * EDGEQ_PIXELS) {
            int32_t first = *pairs++;
            int32_t second = *pairs++;
            to[0] = first;
            to[EDGEQ_PIXELS] = second;
        }
        if (apart & 1) {
            *to = *pairs++;
            to += EDGEQ_PIXELS;
        }
        pairs += next;
        if (pairs >= behind) {
            pairs -= all;
        }
    }
}

#endif
