/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_DEPTHWISE_3X3_H
#define EDGEQ_ISA_DEPTHWISE_3X3_H

/* Lines of outputs of one channel from a plane of widened inputs: the inner loops of 3x3 depthwise
 * convolutions. Who includes this file defines EDGEQ_PLANE_LINES, the lines of a plane, and
 * EDGEQ_LINEAR_SHIFT, that of linear stages (edgeq/kernels/linear_stages.py), or 0 for those of
 * stage.h.
 *
 * A word of a plane holds two neighbours on a line. In memory it stands between those of other
 * channels; then come the words of the lines behind it, then the next two neighbours: so all that
 * an output is made of lies at constant distances. */

#include "isa/dsp.h"
#include "stage.h"

enum {
    EDGEQ_PLANE_CHANNELS = 4,
    EDGEQ_PLANE_DOWN = 16,                                    /* bytes to the line behind */
    EDGEQ_PLANE_ACROSS = EDGEQ_PLANE_DOWN * EDGEQ_PLANE_LINES /* bytes to the next two neighbours */
};

/* A channel's constants: for each line of the kernel two words of weights, (w0, w1) and (w1, w2);
 * the bias; a stage. Weights and bias are scaled as the stage wants the sums to be. */
enum { EDGEQ_FILTER_BIAS = 6, EDGEQ_FILTER_STAGE = 7, EDGEQ_FILTER_WORDS = 10 };

/* What is to be computed: of channels side by side, lines of `length` outputs, from inputs `stride`
 * neighbours (1 or 2) and `line_stride` lines apart. Bytes from an output to its neighbour and to
 * the line behind. */
struct edgeq_lines_3x3 {
    int32_t channels;
    int32_t lines;
    int32_t length;
    int32_t stride;
    int32_t line_stride;
    int32_t out_step;
    int32_t out_line_step;
};

#if EDGEQ_DSP && (EDGEQ_LINEAR_SHIFT || defined(EDGEQ_STAGE_MACRO))

#include "isa/depthwise_3x3_loops.h"

#else

/* One output; `in` is the word of its first input, which is in the upper half if `odd`. */
static inline int8_t edgeq_output_3x3(const int32_t *in, int32_t odd, const int32_t *filter)
{
    int32_t sum = filter[EDGEQ_FILTER_BIAS];
    for (int32_t line = 0; line < 3; line++, in += EDGEQ_PLANE_DOWN / 4) {
        const int32_t *w = filter + 2 * line;
        int32_t next = in[EDGEQ_PLANE_ACROSS / 4];
        if (odd) {
            sum = edgeq_smlad(in[0] >> 16, w[0] & 0xFFFF, sum);
            sum = edgeq_smlad(next, w[1], sum);
        } else {
            sum = edgeq_smlad(in[0], w[0], sum);
            sum = edgeq_smlad(next & 0xFFFF, w[1] >> 16, sum);
        }
    }
    int32_t multiplier = filter[EDGEQ_FILTER_STAGE + EDGEQ_STAGE_MULTIPLIER];
    int32_t addend = filter[EDGEQ_FILTER_STAGE + EDGEQ_STAGE_ADDEND];
#if EDGEQ_LINEAR_SHIFT
    int32_t out = edgeq_add_multiply_high(addend, sum, multiplier) >> EDGEQ_LINEAR_SHIFT;
#else
    int32_t shift = filter[EDGEQ_FILTER_STAGE + EDGEQ_STAGE_SHIFT];
    int32_t out = edgeq_stage(sum, multiplier, addend, shift);
#endif
    return (int8_t)edgeq_saturate8(out);
}

static inline void edgeq_lines_3x3(
    const struct edgeq_lines_3x3 *p, const int32_t *plane, const int32_t *filters, int8_t *out)
{
    for (int32_t channel = 0; channel < p->channels; channel++) {
        for (int32_t line = 0; line < p->lines; line++) {
            const int32_t *in = plane + channel + line * p->line_stride * (EDGEQ_PLANE_DOWN / 4);
            int8_t *to = out + channel + line * p->out_line_step;
            for (int32_t i = 0; i < p->length; i++) {
                int32_t x = i * p->stride;
                to[i * p->out_step] = edgeq_output_3x3(in + (x >> 1) * (EDGEQ_PLANE_ACROSS / 4),
                    x & 1, filters + channel * EDGEQ_FILTER_WORDS);
            }
        }
    }
}

#endif

#endif
