/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_SOFTMAX_EXPONENTIAL_H
#define EDGEQ_SOFTMAX_EXPONENTIAL_H

#include "fixedpoint.h"

/* exp(-difference) in Q0, as the product of one of `count` coarse and one of 256 fine ones; 0 where
 * it is nothing. */
static inline int32_t edgeq_exponential_s16(
    const int32_t *coarse, int32_t count, const int32_t *fine, int32_t difference)
{
    int32_t upper = difference >> 8;
    return upper < count ? edgeq_doubling_high_mul(coarse[upper], fine[difference & 255]) : 0;
}

#endif
