/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_ADD_TAPS_H
#define EDGEQ_ISA_ADD_TAPS_H

/* Sums of products of four channels with taps anywhere: the inner loop of depthwise convolutions.
 */

#include "isa/dsp.h"

/* The addresses of taps are a list in memory that is aligned to words. */
static inline void edgeq_store_tap(char *list, int32_t index, const int8_t *at)
{
    memcpy(list + index * (int32_t)sizeof at, &at, sizeof at);
}

static inline const int8_t *edgeq_load_tap(const char *list, int32_t index)
{
    const int8_t *at;
    memcpy(&at, list + index * (int32_t)sizeof at, sizeof at);
    return at;
}

/* Adds to four sums the products of the bytes `offset` .. `offset + 3` of `pairs` pairs of taps; of
 * each pair, `weights` has a word per channel. */
static inline void edgeq_add_taps(
    const char *taps, int32_t pairs, int32_t offset, const int32_t *weights, int32_t *sums)
{
    int32_t sum0 = sums[0];
    int32_t sum1 = sums[1];
    int32_t sum2 = sums[2];
    int32_t sum3 = sums[3];
#if EDGEQ_DSP
    const int32_t *end = weights + 4 * pairs;
    int32_t a, b, c, d;
    __asm__ volatile("1:\n"
                     "ldr %[a], [%[taps]], #4\n"
                     "ldr %[b], [%[taps]], #4\n"
                     "ldr %[c], [%[weights]], #4\n"
                     "ldr %[a], [%[a], %[offset]]\n"
                     "ldr %[b], [%[b], %[offset]]\n"
                     "ldr %[d], [%[weights]], #4\n"
                     "pkhtb %[e], %[b], %[a], asr #16\n"
                     "pkhbt %[a], %[a], %[b], lsl #16\n"
                     "sxtb16 %[b], %[a]\n"
                     "sxtb16 %[a], %[a], ror #8\n"
                     "smlad %[sum0], %[b], %[c], %[sum0]\n"
                     "smlad %[sum1], %[a], %[d], %[sum1]\n"
                     "ldr %[c], [%[weights]], #4\n"
                     "ldr %[d], [%[weights]], #4\n"
                     "sxtb16 %[b], %[e]\n"
                     "sxtb16 %[e], %[e], ror #8\n"
                     "cmp %[weights], %[end]\n"
                     "smlad %[sum2], %[b], %[c], %[sum2]\n"
                     "smlad %[sum3], %[e], %[d], %[sum3]\n"
                     "bne 1b\n"
        : [sum0] "+r"(sum0), [sum1] "+r"(sum1), [sum2] "+r"(sum2), [sum3] "+r"(sum3),
        [taps] "+r"(taps), [weights] "+r"(weights), [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c),
        [d] "=&r"(d), [e] "=&r"(pairs)
        : [offset] "r"(offset), [end] "r"(end)
        : "cc", "memory");
#else
    for (; pairs > 0; pairs--, taps += 2 * sizeof(int8_t *), weights += 4) {
        int32_t first = edgeq_load_word(edgeq_load_tap(taps, 0) + offset);
        int32_t second = edgeq_load_word(edgeq_load_tap(taps, 1) + offset);
        int32_t lower = edgeq_lower_halves(first, second);
        int32_t upper = edgeq_upper_halves(first, second);
        sum0 = edgeq_smlad(edgeq_sxtb16(lower), weights[0], sum0);
        sum1 = edgeq_smlad(edgeq_sxtb16_odd(lower), weights[1], sum1);
        sum2 = edgeq_smlad(edgeq_sxtb16(upper), weights[2], sum2);
        sum3 = edgeq_smlad(edgeq_sxtb16_odd(upper), weights[3], sum3);
    }
#endif
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

#endif
