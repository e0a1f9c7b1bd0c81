/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ELEMENTWISE_SUM_H
#define EDGEQ_ELEMENTWISE_SUM_H

#include "fixedpoint.h"

/* An operand without its zero point on the scale that both share, with left_shift bits of
 * fraction. */
static inline int32_t edgeq_addend(
    int32_t difference, int32_t left_shift, int32_t multiplier, int32_t shift)
{
    return edgeq_requantize(difference * ((int32_t)1 << left_shift), multiplier, shift);
}

#endif
