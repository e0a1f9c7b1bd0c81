/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_H
#define EDGEQ_CONV2D_H

#include <stdint.h>

/* Tensors are batch, row, column, channel. Weights are out_c, kernel_h, kernel_w, in_c / groups, or
 * for the depthwise kernel kernel_h, kernel_w, out_c. `bias` has one row of out_c values per
 * region; the region of output row y, column x is bias_row[y] * bias_cols + bias_col[x], or 0 where
 * bias_row is null. `multiplier` and `shift` have out_c entries. */
struct edgeq_conv2d_params {
    int32_t batches;
    int32_t in_h;
    int32_t in_w;
    int32_t in_c;
    int32_t out_h;
    int32_t out_w;
    int32_t out_c;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t dilation_h;
    int32_t dilation_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t groups;
    int32_t input_offset;
    int32_t weight_offset;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

/* The same for int16 inputs, whose zero point is 0: sums have 64 bits, multipliers 15. */
struct edgeq_conv2d_s16_params {
    int32_t batches;
    int32_t in_h;
    int32_t in_w;
    int32_t in_c;
    int32_t out_h;
    int32_t out_w;
    int32_t out_c;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t dilation_h;
    int32_t dilation_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t groups;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    const int8_t *weights;
    const int64_t *bias;
    const int16_t *multiplier;
    const int8_t *shift;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

void edgeq_conv2d_s8(const struct edgeq_conv2d_params *params, const int8_t *input, int8_t *output);
void edgeq_conv2d_s8_s16(
    const struct edgeq_conv2d_params *params, const int8_t *input, int16_t *output);
void edgeq_conv2d_s16_s8(
    const struct edgeq_conv2d_s16_params *params, const int16_t *input, int8_t *output);
void edgeq_conv2d_s16(
    const struct edgeq_conv2d_s16_params *params, const int16_t *input, int16_t *output);
void edgeq_depthwise_conv2d_s8(
    const struct edgeq_conv2d_params *params, const int8_t *input, int8_t *output);
void edgeq_depthwise_conv2d_s8_s16(
    const struct edgeq_conv2d_params *params, const int8_t *input, int16_t *output);
void edgeq_depthwise_conv2d_s16_s8(
    const struct edgeq_conv2d_s16_params *params, const int16_t *input, int8_t *output);
void edgeq_depthwise_conv2d_s16(
    const struct edgeq_conv2d_s16_params *params, const int16_t *input, int16_t *output);

#endif
