/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_GROUPED_ROWS_H
#define EDGEQ_ISA_GROUPED_ROWS_H

/* A row of inputs times weights of 4 bits in groups, eight channels at a time: the sums of each
 * group of inputs come as isa/narrow_1x8.h has them, and are multiplied with the group's factors.
 *
 * Widened, a group of `size` inputs, a multiple of 4, takes size / 2 words and one for the codes'
 * offset. `weights` has, for each eight channels, those of all groups; `factors` likewise eight for
 * each group. `bias` is doubled; `stages` has three words per channel (stage.h), the channels
 * rounded up to a multiple of 8. */

#define EDGEQ_WEIGHT_BITS 4

#include "dense/widen_row_dsp.h"
#include "fixedpoint.h"
#include "isa/narrow_1x8.h"

struct edgeq_grouped_rows {
    int32_t groups;
    int32_t size;
    int32_t channels;
    int32_t act_min;
    int32_t act_max;
    const int32_t *weights;
    const uint8_t *factors;
    const int32_t *stages;
};

static inline void edgeq_widen_groups(
    const struct edgeq_grouped_rows *p, const int8_t *input, int32_t *x)
{
    const int32_t words = p->size / 2;
    for (int32_t group = 0; group < p->groups; group++, input += p->size, x += words + 1) {
        edgeq_widen_row(input, p->size, x);
        edgeq_append_offset(x, words, 1, 1);
    }
}

/* The sums of a group's inputs, in the places of a halfword, times factors, added to those of eight
 * channels. */
static inline void edgeq_add_groups(const int32_t *part, const uint8_t *factors, int32_t *sums)
{
    for (int32_t i = 0; i < 8; i += 4) {
        sums[i] += (part[i] >> 12) * factors[i];
        sums[i + 1] += (part[i + 1] >> 8) * factors[i + 1];
        sums[i + 2] += (part[i + 2] >> 4) * factors[i + 2];
        sums[i + 3] += part[i + 3] * factors[i + 3];
    }
}

/* All outputs of a widened row. */
static EDGEQ_OUT_OF_LINE void edgeq_multiply_groups(
    const struct edgeq_grouped_rows *p, const int32_t *x, const int32_t *bias, int8_t *output)
{
    static const int32_t zeros[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    const int32_t words = p->size / 2;
    const uint8_t *factors = p->factors;
    const int32_t *stage = p->stages;
    struct edgeq_row_1x8 row;
    edgeq_set_words(&row, x, words);
    row.bias = zeros;
    row.weights = p->weights;
    for (int32_t channel = 0; channel < p->channels; channel += 8) {
        int32_t sums[8] = {0, 0, 0, 0, 0, 0, 0, 0};
        row.x = x;
        for (int32_t group = 0; group < p->groups; group++, factors += 8) {
            int32_t part[8];
            row.x_end = row.x + words;
            edgeq_sums_1x8(&row, part);
            edgeq_add_groups(part, factors, sums);
            row.x += words + 1;
            row.weights += 2 * words;
        }
        int32_t count = p->channels - channel < 8 ? p->channels - channel : 8;
        for (int32_t i = 0; i < count; i++) {
            const int32_t *words_of = stage + i * EDGEQ_STAGE_WORDS;
            int32_t out = edgeq_stage(*bias++ + 2 * sums[i], words_of[EDGEQ_STAGE_MULTIPLIER],
                words_of[EDGEQ_STAGE_ADDEND], words_of[EDGEQ_STAGE_SHIFT]);
            *output++ = (int8_t)edgeq_clamp(out, p->act_min, p->act_max);
        }
        stage += 8 * EDGEQ_STAGE_WORDS;
    }
}

#endif
