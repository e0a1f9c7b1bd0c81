/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/l2_normalize.h"

#include "fixedpoint.h"

/* 1 / sqrt(sum) = scale * 2^(shift - 31). Qn is fixed point with n bits before the binary point. */
struct reciprocal_root {
    int32_t scale;
    int32_t shift;
};

/* x * 2^exponent for x >= 0, saturated. */
static int32_t saturating_shift_left(int32_t x, int32_t exponent)
{
    return x > INT32_MAX >> exponent ? INT32_MAX : x << exponent;
}

/* 1 / sqrt(x), both in Q3, for x in [1/4, 1), by five steps of Newton-Raphson from 1. */
static int32_t newton_raphson(int32_t x)
{
    const int32_t three_halves = 3 << 27;
    int32_t half = edgeq_rounding_shift_right(x, 1);
    int32_t root = 1 << 28;
    for (int32_t i = 0; i < 5; i++) {
        int32_t square = edgeq_doubling_high_mul(root, root);
        int32_t cube = saturating_shift_left(edgeq_doubling_high_mul(square, root), 6);
        int32_t next =
            edgeq_doubling_high_mul(three_halves, root) - edgeq_doubling_high_mul(half, cube);
        root = saturating_shift_left(next, 3);
    }
    return root;
}

/* Of a sum of squares; 0 counts as 1. */
static struct reciprocal_root reciprocal_root_of(int32_t sum)
{
    const int32_t sqrt_half = 1518500250;
    struct reciprocal_root result = {INT32_MAX, 0};
    if (sum <= 1) {
        return result;
    }
    result.shift = -11;
    if (sum >= 1 << 29) {
        sum >>= 2;
        result.shift--;
    }
    while (sum < 1 << 27) {
        sum <<= 2;
        result.shift++;
    }
    result.scale = edgeq_doubling_high_mul(newton_raphson(sum >> 1), sqrt_half);
    if (result.shift > 0) {
        result.scale <<= result.shift;
        result.shift = 0;
    }
    return result;
}

void edgeq_l2_normalize_s8(
    const struct edgeq_l2_normalize_params *params, const int8_t *input, int8_t *output)
{
    const struct edgeq_l2_normalize_params p = *params;
    for (int32_t row = 0; row < p.rows; row++, input += p.depth, output += p.depth) {
        int32_t sum = 0;
        for (int32_t i = 0; i < p.depth; i++) {
            int32_t difference = input[i] + p.input_offset;
            sum += difference * difference;
        }
        struct reciprocal_root root = reciprocal_root_of(sum);
        for (int32_t i = 0; i < p.depth; i++) {
            int32_t steps = edgeq_requantize(input[i] + p.input_offset, root.scale, root.shift + 7);
            output[i] = (int8_t)edgeq_clamp(steps, INT8_MIN, INT8_MAX);
        }
    }
}
