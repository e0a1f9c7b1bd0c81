/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_QUANTIZE_H
#define EDGEQ_QUANTIZE_H

#include <stdint.h>

/* output = clamp(round(input / scale) + zero_point, out_min, out_max), halves rounded away from
 * zero. */
struct edgeq_quantize_params {
    int32_t count;
    float scale;
    int32_t zero_point;
    int32_t out_min;
    int32_t out_max;
};

/* output = (input - zero_point) * scale. */
struct edgeq_dequantize_params {
    int32_t count;
    float scale;
    int32_t zero_point;
};

void edgeq_quantize_f32_s8(
    const struct edgeq_quantize_params *params, const float *input, int8_t *output);
void edgeq_quantize_f32_s16(
    const struct edgeq_quantize_params *params, const float *input, int16_t *output);
void edgeq_dequantize_s8_f32(
    const struct edgeq_dequantize_params *params, const int8_t *input, float *output);
void edgeq_dequantize_s16_f32(
    const struct edgeq_dequantize_params *params, const int16_t *input, float *output);

#endif
