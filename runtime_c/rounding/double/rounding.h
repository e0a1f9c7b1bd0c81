/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ROUNDING_H
#define EDGEQ_ROUNDING_H

/* Requantization rounds twice, as TensorFlow Lite Micro does. */

#include "gemmlowp.h"

/* x * multiplier * 2^(shift - 31), shift in [-31, 30]; the left shift wraps. */
static inline int32_t edgeq_requantize(int32_t x, int32_t multiplier, int32_t shift)
{
    int32_t left = shift > 0 ? shift : 0;
    int32_t right = shift > 0 ? 0 : -shift;
    int32_t shifted = (int32_t)((uint32_t)x << left);
    return edgeq_rounding_shift_right(edgeq_doubling_high_mul(shifted, multiplier), right);
}

/* The same: sums of products are requantized as everything else is. */
static inline int32_t edgeq_requantize_sum(int32_t x, int32_t multiplier, int32_t shift)
{
    return edgeq_requantize(x, multiplier, shift);
}

#endif
