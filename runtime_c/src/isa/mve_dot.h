/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_MVE_DOT_H
#define EDGEQ_ISA_MVE_DOT_H

/* Products of vectors for Arm's MVE, one at a time: where the stages of sums are not vectors. */

#include <stdint.h>

enum { EDGEQ_DOT_TAPS = 16 };

/* The products of so many blocks of 16 bytes, at least one; those of the weights are `step` apart.
 */
static inline int32_t edgeq_mve_dot(
    const int8_t *x, const int8_t *weights, int32_t step, int32_t blocks)
{
    int32_t sum = 0;
#if defined(__ARM_FEATURE_MVE)
    __asm__ volatile("dls lr, %[blocks]\n"
                     "1: vldrb.8 q0, [%[x]], #16\n"
                     "vldrb.8 q1, [%[weights]]\n"
                     "add %[weights], %[weights], %[step]\n"
                     "vmladava.s8 %[sum], q0, q1\n"
                     "le lr, 1b\n"
        : [sum] "+Te"(sum), [x] "+r"(x), [weights] "+r"(weights)
        : [step] "r"(step), [blocks] "r"(blocks)
        : "lr", "q0", "q1", "memory");
#else
    for (; blocks > 0; blocks--, x += EDGEQ_DOT_TAPS, weights += step) {
        for (int32_t i = 0; i < EDGEQ_DOT_TAPS; i++) {
            sum += x[i] * weights[i];
        }
    }
#endif
    return sum;
}

/* The sum, and the products of four words, which lie so many bytes from `x`. */
static inline int32_t edgeq_mve_dot_words(
    int32_t sum, const int8_t *x, const int32_t offsets[4], const int8_t *weights)
{
#if defined(__ARM_FEATURE_MVE)
    __asm__ volatile("vldrw.32 q1, [%[offsets]]\n"
                     "vldrw.u32 q0, [%[x], q1]\n"
                     "vldrb.8 q1, [%[weights]]\n"
                     "vmladava.s8 %[sum], q0, q1\n"
        : [sum] "+Te"(sum)
        : [x] "r"(x), [offsets] "r"(offsets), [weights] "r"(weights)
        : "q0", "q1", "memory");
#else
    for (int32_t i = 0; i < EDGEQ_DOT_TAPS; i++) {
        sum += x[offsets[i / 4] + i % 4] * weights[i];
    }
#endif
    return sum;
}

#endif
