/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ELEMENTWISE_H
#define EDGEQ_ELEMENTWISE_H

#include <stdint.h>

/* Two operands, broadcast along the output, which is written front to back in runs of `run`
 * elements. Within a run an operand advances by its step, 1 or 0. `loops` has three numbers for
 * each of the `depth` loops around the run, outermost first: iterations, elements by which input1
 * advances, and input2. The output may be the memory of an operand that has as many elements. */
struct edgeq_binary_params {
    int32_t depth;
    int32_t run;
    int32_t input1_step;
    int32_t input2_step;
    const int32_t *loops;
};

/* The first five fields of this and the following structs are those of edgeq_binary_params. The
 * operands are computed with in 1 / 2^left_shift of a scale that both share. */
struct edgeq_add_params {
    int32_t depth;
    int32_t run;
    int32_t input1_step;
    int32_t input2_step;
    const int32_t *loops;
    int32_t left_shift;
    int32_t input1_offset;
    int32_t input1_multiplier;
    int32_t input1_shift;
    int32_t input2_offset;
    int32_t input2_multiplier;
    int32_t input2_shift;
    int32_t output_multiplier;
    int32_t output_shift;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
};

/* Likewise for Arm's DSP extension and MVE: no operand is broadcast within a run. The sum, doubled,
 * is
 * +-2^20 times an element of the operand `wide` (1 or 2) and an entry of `addends`, which has one
 * for each element 0 .. 127, -128 .. -1 of the other operand. It becomes the output by a stage
 * (stage.h). */
struct edgeq_add_dsp_params {
    int32_t depth;
    int32_t run;
    const int32_t *loops;
    int32_t wide;
    const int32_t *addends;
    int32_t multiplier;
    int32_t addend;
    int32_t shift;
    int32_t act_min;
    int32_t act_max;
};

/* Sums for cores without long multiplications: the first five fields as above. The output is
 * (input1 * factor1 + input2 * factor2 + intercept) / 2^21, rounded down, then clamped. */
struct edgeq_plane_params {
    int32_t depth;
    int32_t run;
    int32_t input1_step;
    int32_t input2_step;
    const int32_t *loops;
    int32_t factor1;
    int32_t factor2;
    int32_t intercept;
    int32_t act_min;
    int32_t act_max;
};

struct edgeq_mul_params {
    int32_t depth;
    int32_t run;
    int32_t input1_step;
    int32_t input2_step;
    const int32_t *loops;
    int32_t input1_offset;
    int32_t input2_offset;
    int32_t multiplier;
    int32_t shift;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
};

/* Likewise for Arm's DSP extension: no operand is broadcast within a run. Twice the product of
 * both, input1 with `twice_offset1` after it was doubled, becomes the output by a stage (stage.h).
 */
struct edgeq_mul_dsp_params {
    int32_t depth;
    int32_t run;
    const int32_t *loops;
    int32_t twice_offset1;
    int32_t input2_offset;
    int32_t multiplier;
    int32_t addend;
    int32_t shift;
    int32_t act_min;
    int32_t act_max;
};

/* input1 is the activation, input2 is alpha. `positive` scales inputs of 0 and more, `negative` the
 * products of the others with alpha. */
struct edgeq_prelu_params {
    int32_t depth;
    int32_t run;
    int32_t input1_step;
    int32_t input2_step;
    const int32_t *loops;
    int32_t input_offset;
    int32_t alpha_offset;
    int32_t positive_multiplier;
    int32_t positive_shift;
    int32_t negative_multiplier;
    int32_t negative_shift;
    int32_t output_offset;
    int32_t out_min;
    int32_t out_max;
};

void edgeq_add_s8(const struct edgeq_add_params *params, const int8_t *input1, const int8_t *input2,
    int8_t *output);
void edgeq_add_s8__mve(const struct edgeq_add_dsp_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output);
void edgeq_add_s8__dsp(const struct edgeq_add_dsp_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output);
void edgeq_sub_s8(const struct edgeq_add_params *params, const int8_t *input1, const int8_t *input2,
    int8_t *output);
void edgeq_sub_s8__mve(const struct edgeq_add_dsp_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output);
void edgeq_sub_s8__dsp(const struct edgeq_add_dsp_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output);
void edgeq_squared_difference_s8(const struct edgeq_add_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output);
void edgeq_mul_s8(const struct edgeq_mul_params *params, const int8_t *input1, const int8_t *input2,
    int8_t *output);
void edgeq_mul_s8__dsp(const struct edgeq_mul_dsp_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output);
void edgeq_maximum_s8(const struct edgeq_binary_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output);
void edgeq_minimum_s8(const struct edgeq_binary_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output);
void edgeq_prelu_s8(const struct edgeq_prelu_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output);
void edgeq_add_s8__swar(const struct edgeq_plane_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output);
void edgeq_add_s16(const struct edgeq_add_params *params, const int16_t *input1,
    const int16_t *input2, int16_t *output);
void edgeq_sub_s8__swar(const struct edgeq_plane_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output);
void edgeq_sub_s16(const struct edgeq_add_params *params, const int16_t *input1,
    const int16_t *input2, int16_t *output);
void edgeq_squared_difference_s16(const struct edgeq_add_params *params, const int16_t *input1,
    const int16_t *input2, int16_t *output);
void edgeq_mul_s16(const struct edgeq_mul_params *params, const int16_t *input1,
    const int16_t *input2, int16_t *output);
void edgeq_maximum_s16(const struct edgeq_binary_params *params, const int16_t *input1,
    const int16_t *input2, int16_t *output);
void edgeq_minimum_s16(const struct edgeq_binary_params *params, const int16_t *input1,
    const int16_t *input2, int16_t *output);
void edgeq_prelu_s16(const struct edgeq_prelu_params *params, const int16_t *input1,
    const int16_t *input2, int16_t *output);

#endif
