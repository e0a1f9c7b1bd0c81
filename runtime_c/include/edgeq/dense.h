/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_DENSE_H
#define EDGEQ_DENSE_H

#include <stdint.h>

/* Input is batches rows of in_features, output batches rows of out_features. Weights are
 * out_features rows of in_features. `bias`, `multiplier` and `shift` have out_features entries; the
 * input's zero point is in the bias. */
struct edgeq_dense_params {
    int32_t batches;
    int32_t in_features;
    int32_t out_features;
    int32_t weight_offset;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
};

/* The same for int16 inputs, whose zero point is 0: sums have 64 bits, multipliers 15. */
struct edgeq_dense_s16_params {
    int32_t batches;
    int32_t in_features;
    int32_t out_features;
    int32_t weight_offset;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
    const int8_t *weights;
    const int64_t *bias;
    const int16_t *multiplier;
    const int8_t *shift;
};

void edgeq_dense_s8(const struct edgeq_dense_params *params, const int8_t *input, int8_t *output);
void edgeq_dense_s8_s16(
    const struct edgeq_dense_params *params, const int8_t *input, int16_t *output);
void edgeq_dense_s16_s8(
    const struct edgeq_dense_s16_params *params, const int16_t *input, int8_t *output);
void edgeq_dense_s16(
    const struct edgeq_dense_s16_params *params, const int16_t *input, int16_t *output);

#endif
