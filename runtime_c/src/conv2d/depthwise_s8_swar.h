/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_DEPTHWISE_S8_SWAR_H
#define EDGEQ_CONV2D_DEPTHWISE_S8_SWAR_H

/* Depthwise convolutions, one channel after the other. */

#include "conv2d/strip_swar.h"
#include "edgeq/conv2d.h"
#include "isa/pair_columns_3x3.h"
#include "packed_weights.h"

#include <stddef.h>

static void edgeq_run_columns(const struct edgeq_depthwise_swar_params *p,
    const struct edgeq_columns *columns, int32_t lines, int32_t count)
{
    if (p->kernel_lines == 3 && p->kernel_length == 3) {
        edgeq_pair_columns_3x3(columns, lines, count);
    } else {
        edgeq_pair_columns(columns, lines, count);
    }
}

/* What is added to the sum at place i of a line; `bias` is that of the channel in the first region,
 * or null. */
static inline int32_t edgeq_bias_at(
    const struct edgeq_depthwise_swar_params *p, const int32_t *bias, int32_t line, int32_t i)
{
    return bias == NULL ? 0 : bias[p->line_region[line] + p->region[i]];
}

/* Sums of `lines` lines, from `line` on, of the outputs at place i of either half, become outputs.
 */
static EDGEQ_OUT_OF_LINE void edgeq_finish_column(const struct edgeq_depthwise_swar_params *p,
    const struct edgeq_columns *columns, const int32_t *bias, int32_t line, int32_t lines,
    int32_t i)
{
    const struct edgeq_product product = edgeq_product_of(columns->stage, p->act_min, p->act_max);
    const int32_t *sums = columns->sums;
    int8_t *out = columns->out;
    for (int32_t end = line + lines; line < end; line++, sums += 2, out += columns->out_line) {
        int32_t first = sums[0] + edgeq_bias_at(p, bias, line, i);
        int32_t second = sums[1] + edgeq_bias_at(p, bias, line, i + p->out_length - p->half);
        out[0] = edgeq_product(first, &product);
        out[columns->apart] = edgeq_product(second, &product);
    }
}

/* `lines` lines of outputs, from `line` on; without a ramp, sums are made outputs column by column.
 */
static void edgeq_run_strip(const struct edgeq_depthwise_swar_params *p,
    struct edgeq_columns columns, const int32_t *bias, int32_t line, int32_t lines)
{
    if (edgeq_has_ramp(columns.stage)) {
        edgeq_run_columns(p, &columns, lines, p->half);
        return;
    }
    for (int32_t i = 0; i < p->half; i++) {
        edgeq_run_columns(p, &columns, lines, 1);
        edgeq_finish_column(p, &columns, bias, line, lines, i);
        columns.x += columns.column;
        columns.out += columns.out_column;
    }
}

/* One channel of one image; `columns` has what all channels share. */
static void edgeq_run_channel(const struct edgeq_depthwise_swar_params *p, const int8_t *input,
    int8_t *output, const int32_t *bias, struct edgeq_columns *columns, int32_t *strip)
{
    int32_t shared = p->kernel_lines > p->line_stride ? p->kernel_lines - p->line_stride : 0;
    int32_t kept = 0;
    for (int32_t y = p->line_begin; y < p->line_end;) {
        int32_t lines = edgeq_smaller(p->line_end - y, p->strip_lines);
        int32_t top = y * p->line_stride - p->line_pad;
        int32_t end = top + (lines - 1) * p->line_stride + p->kernel_lines;
        edgeq_write_strip(p, input, top + kept, end, strip + kept);
        columns->out = output + y * p->out_line_step;
        edgeq_run_strip(p, *columns, bias, y, lines);
        y += lines;
        if (y < p->line_end) {
            edgeq_keep_lines(p, end - top, shared, strip);
            kept = shared;
        }
    }
}

/* All channels; weights are bytes or `packed`. */
static inline void edgeq_depthwise_swar(const struct edgeq_depthwise_swar_params *p,
    const int8_t *input, int8_t *output, void *scratch, int packed)
{
    int32_t count = p->kernel_lines * p->kernel_length;
    int32_t *taps = (int32_t *)scratch;
    int32_t *sums = taps + count;
    int32_t *strip = sums + 2 * p->strip_lines;
    struct edgeq_columns columns = {strip, p->depth, p->line_stride, p->stride * p->depth, taps,
        p->kernel_lines, p->kernel_length, p->stages, output,
        (p->out_length - p->half) * p->out_step, p->out_line_step, p->out_step, sums};
    for (int32_t b = 0; b < p->batches; b++) {
        int32_t weight = 0;
        columns.stage = p->stages;
        for (int32_t channel = 0; channel < p->channels; channel++) {
            for (int32_t i = 0; i < count; i++, weight++) {
                taps[i] = packed ? edgeq_packed_weight(p->weights, weight, p->weight_bits)
                                 : p->weights[weight];
            }
            const int32_t *bias = p->bias == NULL ? NULL : p->bias + channel;
            edgeq_run_channel(p, input + channel, output + channel, bias, &columns, strip);
            columns.stage += EDGEQ_RAMP_WORDS;
        }
        input += p->in_bytes;
        output += p->out_bytes;
    }
}

#endif
