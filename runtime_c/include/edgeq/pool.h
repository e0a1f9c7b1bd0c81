/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_POOL_H
#define EDGEQ_POOL_H

#include <stdint.h>

/* Tensors are batch, row, column, channel; every window has at least one value on the image. Halves
 * of a mean are rounded away from `halves_from`. */
struct edgeq_pool_params {
    int32_t batches;
    int32_t in_h;
    int32_t in_w;
    int32_t channels;
    int32_t out_h;
    int32_t out_w;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t act_min;
    int32_t act_max;
    int32_t halves_from;
};

/* An average with a scale or zero point of its own. The sum of a window of counts[k] values, each
 * with `input_offset` added, is scaled with multipliers[k] * 2^(shifts[k] - 31). */
struct edgeq_scaled_pool_params {
    int32_t batches;
    int32_t in_h;
    int32_t in_w;
    int32_t channels;
    int32_t out_h;
    int32_t out_w;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t act_min;
    int32_t act_max;
    int32_t input_offset;
    int32_t output_offset;
    const int32_t *counts;
    const int32_t *multipliers;
    const int8_t *shifts;
};

void edgeq_avg_pool2d_s8(
    const struct edgeq_pool_params *params, const int8_t *input, int8_t *output);
void edgeq_avg_pool2d_s8__mve(
    const struct edgeq_pool_params *params, const int8_t *input, int8_t *output);
void edgeq_max_pool2d_s8__mve(
    const struct edgeq_pool_params *params, const int8_t *input, int8_t *output);
void edgeq_avg_pool2d_s8__dsp(
    const struct edgeq_pool_params *params, const int8_t *input, int8_t *output);
void edgeq_avg_pool2d_s16(
    const struct edgeq_pool_params *params, const int16_t *input, int16_t *output);
void edgeq_avg_pool2d_scaled_s8(
    const struct edgeq_scaled_pool_params *params, const int8_t *input, int8_t *output);
void edgeq_avg_pool2d_scaled_s16(
    const struct edgeq_scaled_pool_params *params, const int16_t *input, int16_t *output);
void edgeq_max_pool2d_s8(
    const struct edgeq_pool_params *params, const int8_t *input, int8_t *output);
void edgeq_max_pool2d_s8__dsp(
    const struct edgeq_pool_params *params, const int8_t *input, int8_t *output);
void edgeq_max_pool2d_s16(
    const struct edgeq_pool_params *params, const int16_t *input, int16_t *output);

#endif
