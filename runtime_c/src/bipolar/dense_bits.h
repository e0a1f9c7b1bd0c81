/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_BIPOLAR_DENSE_BITS_H
#define EDGEQ_BIPOLAR_DENSE_BITS_H

#include "bipolar/bit_runs.h"
#include "bipolar/differences.h"
#include "bipolar/sums.h"
#include "edgeq/bipolar.h"

/* Row b of the input, in words of its own, in `scratch` if it does not begin with a word. */
static inline const uint32_t *edgeq_row_of_bits(
    const struct edgeq_bipolar_dense_params *p, const uint32_t *input, int32_t b, uint32_t *scratch)
{
    int32_t first = b * p->in_features;
    if (p->batches == 1 || p->in_features % EDGEQ_WORD_BITS == 0) {
        return input + first / EDGEQ_WORD_BITS;
    }
    edgeq_clear_words(scratch, edgeq_words_of(p->in_features));
    edgeq_copy_bits(scratch, 0, input, first, p->in_features);
    return scratch;
}

/* A row of outputs. */
static inline void edgeq_dense_row_of_bits(const struct edgeq_bipolar_dense_params *p,
    const uint32_t *row, struct edgeq_sum_writer *writer, int32_t bytes)
{
    int32_t words = edgeq_words_of(p->in_features);
    const int32_t *weights = p->weights;
    for (int32_t o = 0; o < p->out_features; o++, weights += words) {
        int32_t differ = edgeq_count_differences(row, weights, NULL, words);
        int32_t sum = p->in_features - 2 * differ;
        edgeq_write_sum(writer, o, edgeq_wrapping_add(sum, p->bias[o]), bytes);
    }
}

/* The whole layer, to outputs of `bytes` bytes, 0 for bits. */
static inline void edgeq_dense_of_bits(const struct edgeq_bipolar_dense_params *p,
    const uint32_t *input, void *output, void *scratch, int32_t bytes)
{
    struct edgeq_sum_stage stage = {
        p->multiplier, p->shift, p->output_offset, p->act_min, p->act_max};
    struct edgeq_sum_writer writer = edgeq_write_sums(stage, output);
    for (int32_t b = 0; b < p->batches; b++) {
        const uint32_t *row = edgeq_row_of_bits(p, input, b, (uint32_t *)scratch);
        edgeq_dense_row_of_bits(p, row, &writer, bytes);
    }
    edgeq_end_sums(&writer, bytes);
}

#endif
