/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/softmax.h"

#include "softmax/row.h"

/* x = mantissa * 2^power with the mantissa, in Q0, near the fourth root of 1/2 and the power
 * in Q6. */
struct split {
    int32_t mantissa;
    int32_t power;
};

/* Of x in Q12: from x itself and from x divided by the root of 2, the smaller mantissa and the
 * larger power. */
static struct split split(int32_t x)
{
    const int32_t sqrt_half = 1518500250;
    const int32_t quarter = 1 << 23; /* in Q6 */
    int32_t zeros = edgeq_leading_zeros(x);
    int32_t scaled = edgeq_doubling_high_mul(edgeq_saturating_shift_left(x, zeros - 1), sqrt_half);
    int32_t mantissa_a = edgeq_saturating_shift_left(scaled, 1);
    int32_t power_a = (12 - zeros) * (1 << 25) + quarter;
    int32_t zeros_b = edgeq_leading_zeros(edgeq_doubling_high_mul(x, sqrt_half)) - 1;
    int32_t mantissa_b = edgeq_saturating_shift_left(x, zeros_b);
    int32_t power_b = (12 - zeros_b) * (1 << 25) - quarter;
    struct split parts = {
        mantissa_a < mantissa_b ? mantissa_a : mantissa_b,
        power_a > power_b ? power_a : power_b,
    };
    return parts;
}

/* log(x) in Q5 for x >= 1 in Q12: the power's share, and a quotient of polynomials for the
 * mantissa's. */
static int32_t logarithm(int32_t x)
{
    const int32_t log_2 = 1488522236;
    const int32_t fourth_root_of_half = 1805811301;
    struct split parts = split(x);
    int32_t mantissa = parts.mantissa;
    int32_t mean = (int32_t)(((int64_t)mantissa + fourth_root_of_half + 1) >> 1);
    int32_t twice = 2 * (mantissa - fourth_root_of_half);
    int32_t square = edgeq_doubling_high_mul(twice, twice);
    int32_t cube = edgeq_doubling_high_mul(twice, square);
    int32_t numerator =
        edgeq_doubling_high_mul(twice, mantissa) + edgeq_doubling_high_mul(cube, 117049297);
    int32_t quadratic = 1057819769 + twice + edgeq_doubling_high_mul(127690142, square);
    int32_t denominator =
        edgeq_doubling_high_mul(mean, quadratic) + edgeq_doubling_high_mul(638450708, twice);
    int32_t quotient = edgeq_doubling_high_mul(
        edgeq_rounding_shift_right(numerator, 6), edgeq_one_over_one_plus_x(denominator));
    return edgeq_saturating_shift_left(edgeq_doubling_high_mul(parts.power, log_2) + quotient, 1);
}

void edgeq_log_softmax_s8(
    const struct edgeq_log_softmax_params *params, const int8_t *input, int8_t *output)
{
    const struct edgeq_log_softmax_params *p = params;
    for (int32_t row = 0; row < p->rows; row++, input += p->depth) {
        int32_t max = edgeq_row_max(input, p->depth);
        int32_t log_sum =
            logarithm(edgeq_row_sum(input, p->depth, max, p->exponentials, p->differences));
        for (int32_t i = 0; i < p->depth; i++) {
            int32_t difference = max - input[i];
            int32_t out = INT8_MIN;
            if (difference < p->differences) {
                int32_t scaled = edgeq_requantize(-difference, p->multiplier, p->shift);
                /* From Q5 to steps of 1/16, 0 at the top. */
                int32_t steps = edgeq_rounding_shift_right(scaled - log_sum, 22);
                out = edgeq_clamp(steps + INT8_MAX, INT8_MIN, INT8_MAX);
            }
            *output++ = (int8_t)out;
        }
    }
}
