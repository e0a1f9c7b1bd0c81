/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_QUANTIZE_ROUND_H
#define EDGEQ_QUANTIZE_ROUND_H

#include <stdint.h>

/* Rounds half away from zero; x must fit an int32_t. */
static inline int32_t edgeq_round_half_away(float x)
{
    int32_t whole = (int32_t)x;
    float part = x - (float)whole;
    return whole + (part >= 0.5f) - (part <= -0.5f);
}

#endif
