/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/quantize.h"

#include "quantize/round.h"

void edgeq_quantize_f32_s16(
    const struct edgeq_quantize_params *params, const float *input, int16_t *output)
{
    const struct edgeq_quantize_params p = *params;
    /* Clamped before the conversion, which is undefined out of range. The bounds are integers, so
     * that rounding afterwards stays within them. A NaN fails the comparison and becomes the lowest
     * value. */
    float first = (float)(p.out_min - p.zero_point);
    float last = (float)(p.out_max - p.zero_point);
    for (int32_t i = 0; i < p.count; i++) {
        float steps = input[i] / p.scale;
        steps = steps > first ? steps : first;
        steps = steps < last ? steps : last;
        output[i] = (int16_t)(edgeq_round_half_away(steps) + p.zero_point);
    }
}
