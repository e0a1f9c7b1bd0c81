/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/quantize.h"

void edgeq_dequantize_s16_f32(
    const struct edgeq_dequantize_params *params, const int16_t *input, float *output)
{
    const struct edgeq_dequantize_params p = *params;
    for (int32_t i = 0; i < p.count; i++) {
        output[i] = (float)(input[i] - p.zero_point) * p.scale;
    }
}
