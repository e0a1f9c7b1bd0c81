/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_DENSE_DENSE_S8_SWAR_H
#define EDGEQ_DENSE_DENSE_S8_SWAR_H

/* A dense layer. Who includes this file includes before how weights are read: isa/pair_rows.h, or
 * isa/narrow_rows.h. */

#include "edgeq/dense.h"
#include "isa/ramp.h"
#include "isa/swar.h"

static inline int32_t edgeq_smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* A block of inputs as pairs, filled up with zeros to a whole group. */
static EDGEQ_OUT_OF_LINE void edgeq_write_block(const int8_t *from, int32_t count, int32_t *to)
{
    int32_t whole = edgeq_is_aligned(from) ? count & ~3 : 0;
    const int8_t *end = from + count;
    for (const int8_t *words_end = from + whole; from < words_end; from += 4, to += 2) {
        edgeq_split_word(edgeq_aligned_word(from), &to[0], &to[1]);
    }
    for (; from < end; from += 4, to += 2) {
        int32_t left = (int32_t)(end - from);
        to[0] = edgeq_pair(from[0], left > 2 ? from[2] : 0);
        to[1] = edgeq_pair(left > 1 ? from[1] : 0, left > 3 ? from[3] : 0);
    }
}

/* Sums become outputs. */
static void edgeq_finish_block(const struct edgeq_dense_swar_params *p, const int32_t *sums,
    const int32_t *stage, int32_t count, int8_t *out)
{
    for (int32_t i = 0; i < count; i++, stage += EDGEQ_RAMP_WORDS) {
        if (edgeq_has_ramp(stage)) {
            out[i] = edgeq_ramp(sums[i], stage);
        } else {
            struct edgeq_product product = edgeq_product_of(stage, p->act_min, p->act_max);
            out[i] = edgeq_product(sums[i], &product);
        }
    }
}

static void edgeq_run_row(
    const struct edgeq_dense_swar_params *p, const int8_t *input, int8_t *output, int32_t *x)
{
    int32_t in_block = edgeq_smaller(p->in_block, p->in_features);
    int32_t *sums = x + ((in_block + 3) & ~3) / 2;
    const int32_t *weights = p->weights;
    const int32_t *stage = p->stages;
    for (int32_t o = 0; o < p->out_features; o += p->out_block) {
        int32_t outputs = edgeq_smaller(p->out_block, p->out_features - o);
        for (int32_t i = 0; i < outputs; i++) {
            sums[i] = stage[i * EDGEQ_RAMP_WORDS + EDGEQ_RAMP_BIAS];
        }
        for (int32_t i = 0; i < p->in_features; i += in_block) {
            int32_t inputs = edgeq_smaller(in_block, p->in_features - i);
            if (o == 0 || in_block < p->in_features) {
                edgeq_write_block(input + i, inputs, x);
            }
            weights = edgeq_add_rows(x, weights, (inputs + 3) / 4, outputs, sums);
        }
        edgeq_finish_block(p, sums, stage, outputs, output + o);
        stage += outputs * EDGEQ_RAMP_WORDS;
    }
}

static inline void edgeq_dense_swar(
    const struct edgeq_dense_swar_params *p, const int8_t *input, int8_t *output, void *scratch)
{
    for (int32_t b = 0; b < p->batches; b++) {
        edgeq_run_row(p, input, output, (int32_t *)scratch);
        input += p->in_features;
        output += p->out_features;
    }
}

#endif
