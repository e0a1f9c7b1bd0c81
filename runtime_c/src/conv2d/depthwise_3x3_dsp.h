/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_DEPTHWISE_3X3_DSP_H
#define EDGEQ_CONV2D_DEPTHWISE_3X3_DSP_H

/* A 3x3 depthwise convolution, four channels at a time: planes are filled with as many lines as
 * they have, and all lines of output are computed that can be; the last lines stay for the next
 * ones. Who includes this file defines before where the constants of four channels are:
 * edgeq_find_filters, which may write EDGEQ_ROOM_WORDS to a place of its caller. */

#include "conv2d/planes_3x3_dsp.h"

/* Outputs of four channels into their bounds. */
static inline void edgeq_clamp_lines(
    const struct edgeq_depthwise_3x3_params *p, int8_t *line, int32_t lines)
{
    const int32_t low = edgeq_four_bytes(p->act_min);
    const int32_t high = edgeq_four_bytes(p->act_max);
    for (int32_t y = 0; y < lines; y++, line += p->out_line_step) {
        int8_t *out = line;
        for (int32_t x = 0; x < p->out_length; x++, out += p->out_step) {
            edgeq_store_word(out, edgeq_clamp4(edgeq_load_word(out), low, high));
        }
    }
}

static inline int32_t edgeq_between(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : (x > high ? high : x);
}

/* Lines [begin, end) of the image and of the padding around it to planes. */
static inline void edgeq_fill_planes(int32_t *plane, const struct edgeq_depthwise_3x3_params *p,
    const int8_t *input, int32_t begin, int32_t end)
{
    const int32_t zeros = edgeq_four_bytes(p->input_zero);
    int32_t from = edgeq_between(0, begin, end);
    int32_t to = edgeq_between(p->in_lines, from, end);
    edgeq_write_padding(plane, zeros, from - begin, p->columns);
    edgeq_write_lines(
        plane + (from - begin) * EDGEQ_PLANE_LINE, p, input + from * p->in_line_step, to - from);
    edgeq_write_padding(plane + (to - begin) * EDGEQ_PLANE_LINE, zeros, end - to, p->columns);
}

/* Four channels of an image, the first `skipped` of which were computed before. */
static inline void edgeq_four_channels_3x3(const struct edgeq_depthwise_3x3_params *p,
    const int8_t *input, const int32_t *filters, int32_t skipped, int8_t *output, int32_t *plane)
{
    struct edgeq_lines_3x3 strip = {EDGEQ_PLANE_CHANNELS - skipped, 0, p->out_length, p->stride,
        p->line_stride, p->out_step, p->out_line_step};
    int32_t begin = p->line_begin * p->line_stride - p->line_pad;
    int32_t end = begin; /* [begin, end) are the lines in the planes */
    output += p->line_begin * p->out_line_step;
    for (int32_t line = p->line_begin; line < p->line_end; line += strip.lines) {
        int32_t first = line * p->line_stride - p->line_pad;
        int32_t kept = end > first ? end - first : 0;
        strip.lines = edgeq_between(p->line_end - line, 1, p->filling);
        edgeq_move_lines(plane, p->columns, first - begin, kept);
        begin = first;
        end = begin + (strip.lines - 1) * p->line_stride + 3;
        edgeq_fill_planes(plane + kept * EDGEQ_PLANE_LINE, p, input, begin + kept, end);
        edgeq_lines_3x3(
            &strip, plane + skipped, filters + skipped * EDGEQ_FILTER_WORDS, output + skipped);
        if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
            edgeq_clamp_lines(p, output, strip.lines);
        }
        output += strip.lines * p->out_line_step;
    }
}

/* The whole convolution. Where the last channels are less than four, some before them are widened
 * with them. */
static inline void edgeq_depthwise_3x3(
    const struct edgeq_depthwise_3x3_params *p, const int8_t *input, int8_t *output, int32_t *room)
{
    int32_t *plane = room + EDGEQ_ROOM_WORDS;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t c = 0; c < p->channels; c += EDGEQ_PLANE_CHANNELS) {
            int32_t left = p->channels - c;
            int32_t skipped = left < EDGEQ_PLANE_CHANNELS ? EDGEQ_PLANE_CHANNELS - left : 0;
            int32_t first = c - skipped;
            const int32_t *filters = edgeq_find_filters(p, first, room);
            edgeq_four_channels_3x3(p, input + first, filters, skipped, output + first, plane);
        }
        input += p->in_lines * p->in_length * p->channels;
        output += p->out_lines * p->out_length * p->channels;
    }
}

#endif
