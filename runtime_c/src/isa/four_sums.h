/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_FOUR_SUMS_H
#define EDGEQ_ISA_FOUR_SUMS_H

/* Sums of four pixels: products of a pair of weights with a pair of each. */

#include "isa/swar.h"

#if EDGEQ_THUMB

/* Two products of two pairs each, of neighbouring pairs at r4 and the weights in r5. */
#define EDGEQ_TWO_DOTS(sum0, sum1)                                                                 \
    "ldmia r4!, {r6, r7}\n"                                                                        \
    "muls r6, r5\n"                                                                                \
    "asrs r6, #16\n"                                                                               \
    "adcs " sum0 ", r6\n"                                                                          \
    "muls r7, r5\n"                                                                                \
    "asrs r7, #16\n"                                                                               \
    "adcs " sum1 ", r7\n"

#else

struct edgeq_four_sums {
    int32_t sum0;
    int32_t sum1;
    int32_t sum2;
    int32_t sum3;
};

static inline void edgeq_add_four_dots(
    struct edgeq_four_sums *sums, const int32_t *x, int32_t weights)
{
    sums->sum0 += edgeq_pair_dot(x[0], weights);
    sums->sum1 += edgeq_pair_dot(x[1], weights);
    sums->sum2 += edgeq_pair_dot(x[2], weights);
    sums->sum3 += edgeq_pair_dot(x[3], weights);
}

#endif
#endif
