/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_REQUANTIZE_H
#define EDGEQ_REQUANTIZE_H

#include <stdint.h>

/* output = clamp((input + input_offset) * multiplier * 2^(shift - 31) + output_offset, out_min,
 * out_max). Where the elements of input and output have the same size, the two may be the same
 * memory. */
struct edgeq_requantize_params {
    int32_t count;
    int32_t input_offset;
    int32_t multiplier;
    int32_t shift;
    int32_t output_offset;
    int32_t out_min;
    int32_t out_max;
};

void edgeq_requantize_s8_s8(
    const struct edgeq_requantize_params *params, const int8_t *input, int8_t *output);
void edgeq_requantize_s8_u8(
    const struct edgeq_requantize_params *params, const int8_t *input, uint8_t *output);
void edgeq_requantize_u8_s8(
    const struct edgeq_requantize_params *params, const uint8_t *input, int8_t *output);
void edgeq_requantize_s8_s16(
    const struct edgeq_requantize_params *params, const int8_t *input, int16_t *output);
void edgeq_requantize_s16_s8(
    const struct edgeq_requantize_params *params, const int16_t *input, int8_t *output);
void edgeq_requantize_s16_s16(
    const struct edgeq_requantize_params *params, const int16_t *input, int16_t *output);

#endif
