/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/softmax.h"

#include "interpolate.h"
#include "softmax/exponential.h"
#include "softmax/row_s16.h"

/* The sum of a row's exponentials; the bits of one are those of Q0. */
static int64_t sum(const struct edgeq_log_softmax_s16_params *p, const int16_t *row, int32_t max)
{
    int64_t total = 0;
    for (int32_t i = 0; i < p->depth; i++) {
        total += edgeq_exponential_s16(p->coarse, p->count, p->fine, max - row[i]);
    }
    return total;
}

/* log(x * 2^-31) in Q6, for x >= 2^16: the power of two, and the logarithm of the mantissa 1 + m.
 */
static int32_t logarithm(const int16_t *logarithms, int64_t x)
{
    const int32_t log_2 = 23258160; /* in Q6 */
    int32_t power = 16 - 31;
    while (x >= (int64_t)1 << 17) {
        x >>= 1;
        power++;
    }
    int32_t m = (int32_t)x - (1 << 16);
    return power * log_2 + edgeq_interpolate(logarithms, m + INT16_MIN) * (1 << 10);
}

void edgeq_log_softmax_s16(
    const struct edgeq_log_softmax_s16_params *params, const int16_t *input, int16_t *output)
{
    const struct edgeq_log_softmax_s16_params p = *params;
    for (int32_t row = 0; row < p.rows; row++, input += p.depth, output += p.depth) {
        int32_t max = edgeq_row_max_s16(input, p.depth);
        int32_t log_sum = logarithm(p.logarithms, sum(&p, input, max));
        for (int32_t i = 0; i < p.depth; i++) {
            int32_t difference = max - input[i];
            int32_t out = INT16_MIN;
            if (difference < p.differences) {
                int32_t scaled = edgeq_requantize(-difference, p.multiplier, p.shift);
                /* From Q6 to steps of 1/1024. */
                out = edgeq_rounding_shift_right(scaled - log_sum, 15);
            }
            output[i] = (int16_t)edgeq_clamp(out, INT16_MIN, INT16_MAX);
        }
    }
}
