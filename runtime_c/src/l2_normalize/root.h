/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_L2_NORMALIZE_ROOT_H
#define EDGEQ_L2_NORMALIZE_ROOT_H

#include "fixedpoint.h"

/* 1 / sqrt(sum) = scale * 2^(shift - 31). Qn is fixed point with n bits before the binary point. */
struct edgeq_reciprocal_root {
    int32_t scale;
    int32_t shift;
};

/* x * 2^exponent for x >= 0, saturated. */
static inline int32_t edgeq_saturating_left_shift(int32_t x, int32_t exponent)
{
    return x > INT32_MAX >> exponent ? INT32_MAX : x << exponent;
}

/* 1 / sqrt(x), both in Q3, for x in [1/4, 1), by five steps of Newton-Raphson from 1. */
static inline int32_t edgeq_newton_raphson_root(int32_t x)
{
    const int32_t three_halves = 3 << 27;
    int32_t half = edgeq_rounding_shift_right(x, 1);
    int32_t root = 1 << 28;
    for (int32_t i = 0; i < 5; i++) {
        int32_t square = edgeq_doubling_high_mul(root, root);
        int32_t cube = edgeq_saturating_left_shift(edgeq_doubling_high_mul(square, root), 6);
        int32_t next =
            edgeq_doubling_high_mul(three_halves, root) - edgeq_doubling_high_mul(half, cube);
        root = edgeq_saturating_left_shift(next, 3);
    }
    return root;
}

/* Of a sum of squares; 0 counts as 1. */
static inline struct edgeq_reciprocal_root edgeq_reciprocal_root_of(int32_t sum)
{
    const int32_t sqrt_half = 1518500250;
    struct edgeq_reciprocal_root result = {INT32_MAX, 0};
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
    result.scale = edgeq_doubling_high_mul(edgeq_newton_raphson_root(sum >> 1), sqrt_half);
    if (result.shift > 0) {
        result.scale <<= result.shift;
        result.shift = 0;
    }
    return result;
}

#endif
