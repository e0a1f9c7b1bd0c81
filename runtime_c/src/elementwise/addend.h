/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ELEMENTWISE_ADDEND_H
#define EDGEQ_ELEMENTWISE_ADDEND_H

#include "fixedpoint.h"

/* An operand of a sum on the scale that both share, with 20 bits of fraction; shift is 0 or negative. */
static inline int32_t edgeq_addend(int8_t value, int32_t offset, int32_t multiplier, int32_t shift)
{
    int32_t difference = (value + offset) * (1 << 20);
    return edgeq_rounding_shift_right(edgeq_doubling_high_mul(difference, multiplier), -shift);
}

#endif
