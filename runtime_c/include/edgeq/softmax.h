/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_SOFTMAX_H
#define EDGEQ_SOFTMAX_H

#include <stdint.h>

/* `exponentials` has `differences` entries: exp(-d) in Q0 for each difference d to the largest
 * element of a row. Larger differences add nothing to the row's sum and give the smallest output. A
 * quotient in Q0 has output_shift bits more than an output. */
struct edgeq_softmax_params {
    int32_t rows;
    int32_t depth;
    int32_t output_shift;
    int32_t differences;
    const int32_t *exponentials;
};

/* Likewise; `multiplier` and `shift` bring a difference to Q5. */
struct edgeq_log_softmax_params {
    int32_t rows;
    int32_t depth;
    int32_t multiplier;
    int32_t shift;
    int32_t differences;
    const int32_t *exponentials;
};

/* `multiplier` and `shift` bring a difference to 65536ths of 10. Both tables have 513 values in Q15
 * at inputs 128 apart, between which is interpolated: exp(-10) .. exp(0), and 1 / (1 + x) for x in
 * 0 .. 1. */
struct edgeq_softmax_s16_params {
    int32_t rows;
    int32_t depth;
    int32_t multiplier;
    int32_t shift;
    const int16_t *exponentials;
    const int16_t *reciprocals;
};

/* exp(-d) is coarse[d >> 8] * fine[d & 255], both in Q0. Differences beyond the `count` entries of
 * `coarse` add nothing to the row's sum and give the smallest output. */
struct edgeq_softmax_s16_s8_params {
    int32_t rows;
    int32_t depth;
    int32_t count;
    const int32_t *coarse;
    const int32_t *fine;
};

/* As in edgeq_softmax_s16_s8_params. Of what is `differences` or more below the largest element of
 * a row, the output is the smallest; other differences are brought to Q6 by `multiplier` and
 * `shift`. `logarithms` has 513 values in Q0, 16 bits each: log(1 + x) for x in 0 .. 1. */
struct edgeq_log_softmax_s16_params {
    int32_t rows;
    int32_t depth;
    int32_t multiplier;
    int32_t shift;
    int32_t differences;
    int32_t count;
    const int32_t *coarse;
    const int32_t *fine;
    const int16_t *logarithms;
};

void edgeq_softmax_s8(
    const struct edgeq_softmax_params *params, const int8_t *input, int8_t *output);
void edgeq_softmax_s8_s16(
    const struct edgeq_softmax_params *params, const int8_t *input, int16_t *output);
void edgeq_softmax_s16(
    const struct edgeq_softmax_s16_params *params, const int16_t *input, int16_t *output);
void edgeq_softmax_s16_s8(
    const struct edgeq_softmax_s16_s8_params *params, const int16_t *input, int8_t *output);
void edgeq_log_softmax_s8(
    const struct edgeq_log_softmax_params *params, const int8_t *input, int8_t *output);
void edgeq_log_softmax_s16(
    const struct edgeq_log_softmax_s16_params *params, const int16_t *input, int16_t *output);

#endif
