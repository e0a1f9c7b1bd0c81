/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/softmax.h"

#include "interpolate.h"
#include "softmax/row.h"
#include "softmax/row_s16.h"

/* exp(x - max) in Q15. */
static int32_t exponential(const struct edgeq_softmax_s16_params *p, int32_t x, int32_t max)
{
    int32_t scaled = edgeq_requantize(x - max, p->multiplier, p->shift);
    int32_t centred = (scaled > -65535 ? scaled : -65535) + INT16_MAX;
    return edgeq_interpolate(p->exponentials, centred);
}

/* Exponentials take the place of the outputs, become their sum and, divided by it, outputs. */
static void softmax_row(
    const struct edgeq_softmax_s16_params *p, const int16_t *input, int16_t *output)
{
    int32_t max = edgeq_row_max_s16(input, p->depth);
    int32_t sum = 0;
    for (int32_t i = 0; i < p->depth; i++) {
        output[i] = (int16_t)exponential(p, input[i], max);
        sum += output[i];
    }
    int32_t right = 31 - edgeq_leading_zeros(sum);
    /* 1 and 16 bits of fraction; the 1 is that of 1 / (1 + x). */
    int32_t mantissa = (int32_t)((((int64_t)sum << (30 - right)) + (1 << 13)) >> 14);
    int32_t x = edgeq_clamp(mantissa - (1 << 16) + INT16_MIN, INT16_MIN, INT16_MAX);
    int32_t reciprocal = edgeq_interpolate(p->reciprocals, x);
    int32_t half = (int32_t)1 << (right - 1);
    for (int32_t i = 0; i < p->depth; i++) {
        int32_t out = (output[i] * reciprocal + half) >> right;
        output[i] = (int16_t)edgeq_clamp(out, 0, INT16_MAX);
    }
}

void edgeq_softmax_s16(
    const struct edgeq_softmax_s16_params *params, const int16_t *input, int16_t *output)
{
    const struct edgeq_softmax_s16_params p = *params;
    for (int32_t row = 0; row < p.rows; row++) {
        softmax_row(&p, input, output);
        input += p.depth;
        output += p.depth;
    }
}
