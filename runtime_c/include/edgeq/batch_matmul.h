/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_BATCH_MATMUL_H
#define EDGEQ_BATCH_MATMUL_H

#include <stdint.h>

/* Products of rows x depth and depth x cols matrices, over three batch dimensions. The steps are in
 * elements: from one matrix to the next of a batch dimension (0 where it is broadcast), and from
 * one row, column or product term to the next. The output is dense. Matrices of int16 have zero
 * point 0 and a multiplier of 15 bits. For the kernels named packed, the right matrix has elements
 * of 4 bits, two to a byte. */
struct edgeq_batch_matmul_params {
    int32_t batch0;
    int32_t batch1;
    int32_t batch2;
    int32_t rows;
    int32_t depth;
    int32_t cols;
    int32_t lhs_step0;
    int32_t lhs_step1;
    int32_t lhs_step2;
    int32_t lhs_row_step;
    int32_t lhs_depth_step;
    int32_t rhs_step0;
    int32_t rhs_step1;
    int32_t rhs_step2;
    int32_t rhs_depth_step;
    int32_t rhs_col_step;
    int32_t lhs_offset;
    int32_t rhs_offset;
    int32_t output_offset;
    int32_t multiplier;
    int32_t shift;
    int32_t act_min;
    int32_t act_max;
};

/* The same for the kernel for Arm's DSP extension, with an output stage (stage.h). */
struct edgeq_batch_matmul_dsp_params {
    int32_t batch0;
    int32_t batch1;
    int32_t batch2;
    int32_t rows;
    int32_t depth;
    int32_t cols;
    int32_t lhs_step0;
    int32_t lhs_step1;
    int32_t lhs_step2;
    int32_t lhs_row_step;
    int32_t lhs_depth_step;
    int32_t rhs_step0;
    int32_t rhs_step1;
    int32_t rhs_step2;
    int32_t rhs_depth_step;
    int32_t rhs_col_step;
    int32_t lhs_offset;
    int32_t rhs_offset;
    int32_t act_min;
    int32_t act_max;
    int32_t multiplier;
    int32_t addend;
    int32_t shift;
};

void edgeq_batch_matmul_s8(const struct edgeq_batch_matmul_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output);
void edgeq_batch_matmul_s8__dsp(const struct edgeq_batch_matmul_dsp_params *params,
    const int8_t *input1, const int8_t *input2, int8_t *output, void *scratch);
void edgeq_batch_matmul_s8_s16(const struct edgeq_batch_matmul_params *params, const int8_t *input1,
    const int8_t *input2, int16_t *output);
void edgeq_batch_matmul_s16_s8(const struct edgeq_batch_matmul_params *params,
    const int16_t *input1, const int16_t *input2, int8_t *output);
void edgeq_batch_matmul_s16(const struct edgeq_batch_matmul_params *params, const int16_t *input1,
    const int16_t *input2, int16_t *output);
void edgeq_batch_matmul_packed_s8(const struct edgeq_batch_matmul_params *params,
    const int8_t *input1, const int8_t *input2, int8_t *output);
void edgeq_batch_matmul_packed_s8_s16(const struct edgeq_batch_matmul_params *params,
    const int8_t *input1, const int8_t *input2, int16_t *output);
void edgeq_batch_matmul_packed_s16_s8(const struct edgeq_batch_matmul_params *params,
    const int16_t *input1, const int8_t *input2, int8_t *output);
void edgeq_batch_matmul_packed_s16(const struct edgeq_batch_matmul_params *params,
    const int16_t *input1, const int8_t *input2, int16_t *output);

#endif
