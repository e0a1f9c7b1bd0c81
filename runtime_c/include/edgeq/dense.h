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
    int32_t weight_bits;
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
    int32_t weight_bits;
    const int8_t *weights;
    const int64_t *bias;
    const int16_t *multiplier;
    const int8_t *shift;
};

/* The same with a factor for every `group_size` weights of an output, [out_features, groups]; the
 * weights' own zero point is 0, and 8 are among the `weight_bits`. */
struct edgeq_dense_groups_params {
    int32_t batches;
    int32_t in_features;
    int32_t out_features;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
    int32_t weight_bits;
    int32_t group_size;
    const int8_t *weights;
    const uint8_t *factors;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
};

struct edgeq_dense_groups_s16_params {
    int32_t batches;
    int32_t in_features;
    int32_t out_features;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
    int32_t weight_bits;
    int32_t group_size;
    const int8_t *weights;
    const uint8_t *factors;
    const int64_t *bias;
    const int16_t *multiplier;
    const int8_t *shift;
};

/* The integers of the kernel for Arm's DSP extension and weights of 4 bits in groups: `weights`,
 * `factors`, `bias` and `stages` are as struct edgeq_grouped_rows has them (isa/grouped_rows.h). */
struct edgeq_dense_groups_dsp_params {
    int32_t batches;
    int32_t in_features;
    int32_t out_features;
    int32_t act_min;
    int32_t act_max;
    int32_t group_size;
    const int32_t *weights;
    const uint8_t *factors;
    const int32_t *bias;
    const int32_t *stages;
};

/* The integers of the kernel for Arm's DSP extension; `weights`, with an output stage behind those
 * of eight features each, and `bias` are as struct edgeq_row_1x8 has them. `sums`, an even number,
 * are words of sums of inputs behind the inputs (isa/sums.h). For the kernels of narrow weights,
 * `weights` and `bias` are as isa/narrow_1x8.h has them; the last of `sums` is the offset, the
 * others are 0. */
struct edgeq_dense_dsp_params {
    int32_t batches;
    int32_t in_features;
    int32_t out_features;
    int32_t act_min;
    int32_t act_max;
    int32_t sums;
    const int32_t *weights;
    const int32_t *bias;
};

/* The same for sums that need more than 24 bits: `weights` are in the order of chunks of inputs,
 * then of eight features each. `bias` is doubled; `stages` has three words per feature (stage.h),
 * the features rounded up to a multiple of 8. */
struct edgeq_dense_long_dsp_params {
    int32_t batches;
    int32_t in_features;
    int32_t out_features;
    int32_t act_min;
    int32_t act_max;
    const int32_t *weights;
    const int32_t *bias;
    const int32_t *stages;
};

/* The integers of the kernel for Arm's MVE: `weights` and `stages` are in the order in which
 * edgeq_mve_run_rows reads them, with the input's zero point in the biases; weights of 4 bits in
 * that of edgeq_mve_run_packed_rows. */
struct edgeq_dense_mve_params {
    int32_t batches;
    int32_t in_features;
    int32_t out_features;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
    const int8_t *weights;
    const int32_t *stages;
};

/* The integers of the kernel for cores without SIMD. Outputs are computed `out_block` at a time (an
 * even number), from `in_block` inputs at a time (a multiple of 4); `weights` are in the order in
 * which edgeq_add_rows reads them for one block after the other. `stages` has five words per
 * output (isa/ramp.h), with the input's zero point in the biases. */
struct edgeq_dense_swar_params {
    int32_t batches;
    int32_t in_features;
    int32_t out_features;
    int32_t in_block;
    int32_t out_block;
    int32_t act_min;
    int32_t act_max;
    const int32_t *weights;
    const int32_t *stages;
};

void edgeq_dense_s8(const struct edgeq_dense_params *params, const int8_t *input, int8_t *output);
void edgeq_dense_s8__dsp(const struct edgeq_dense_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_dense_w4_s8__dsp(const struct edgeq_dense_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_dense_w3_s8__dsp(const struct edgeq_dense_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_dense_w2_s8__dsp(const struct edgeq_dense_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_dense_w1_s8__dsp(const struct edgeq_dense_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_dense_s8_long__dsp(const struct edgeq_dense_long_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_dense_s8__mve(const struct edgeq_dense_mve_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_dense_w4_s8__mve(const struct edgeq_dense_mve_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_dense_s8__swar(const struct edgeq_dense_swar_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_dense_w4_s8__swar(const struct edgeq_dense_swar_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_dense_w2_s8__swar(const struct edgeq_dense_swar_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_dense_w1_s8__swar(const struct edgeq_dense_swar_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_dense_s8_s16(
    const struct edgeq_dense_params *params, const int8_t *input, int16_t *output);
void edgeq_dense_s16_s8(
    const struct edgeq_dense_s16_params *params, const int16_t *input, int8_t *output);
void edgeq_dense_s16(
    const struct edgeq_dense_s16_params *params, const int16_t *input, int16_t *output);
void edgeq_dense_packed_s8(
    const struct edgeq_dense_params *params, const int8_t *input, int8_t *output);
void edgeq_dense_packed_s8_s16(
    const struct edgeq_dense_params *params, const int8_t *input, int16_t *output);
void edgeq_dense_packed_s16_s8(
    const struct edgeq_dense_s16_params *params, const int16_t *input, int8_t *output);
void edgeq_dense_packed_s16(
    const struct edgeq_dense_s16_params *params, const int16_t *input, int16_t *output);
void edgeq_dense_groups_s8(
    const struct edgeq_dense_groups_params *params, const int8_t *input, int8_t *output);
void edgeq_dense_groups_s8_s16(
    const struct edgeq_dense_groups_params *params, const int8_t *input, int16_t *output);
void edgeq_dense_groups_s16_s8(
    const struct edgeq_dense_groups_s16_params *params, const int16_t *input, int8_t *output);
void edgeq_dense_groups_s16(
    const struct edgeq_dense_groups_s16_params *params, const int16_t *input, int16_t *output);
void edgeq_dense_groups_w4_s8__dsp(const struct edgeq_dense_groups_dsp_params *params,
    const int8_t *input, int8_t *output, void *scratch);

#endif
