/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_MVE_NIBBLES_H
#define EDGEQ_ISA_MVE_NIBBLES_H

/* Weights of 4 bits for Arm's MVE, two to a byte, in two's complement. Two forms: vectors side by
 * side, where 16 bytes are 16 weights in the low halves and 16 others in the high ones; and vectors
 * of their own, where 8 bytes are 16 weights, the first in the lowest bits.
 *
 * A shift to the left makes of a low half 16 times what it is, and a sum of its products is 16
 * times what it should be: so there is one shift per vector, and one per vector of sums. */

#include <stdint.h>

enum { EDGEQ_NIBBLES_TAPS = 16, EDGEQ_NIBBLES_BYTES = EDGEQ_NIBBLES_TAPS / 2 };

/* Of the two in a byte. */
enum edgeq_half { EDGEQ_LOW_HALF, EDGEQ_HIGH_HALF };

/* The weight in half a byte. */
static inline int32_t edgeq_nibble(int8_t byte, enum edgeq_half half)
{
    uint32_t code = (uint32_t)(uint8_t)byte >> (half == EDGEQ_HIGH_HALF ? 4 : 0);
    return (int32_t)((code & 15u) ^ 8u) - 8;
}

/* The products of so many blocks of 16 bytes, at least one, and of weights in halves of as many;
 * blocks of weights are `step` apart. */
static inline int32_t edgeq_mve_dot_halves(
    const int8_t *x, const int8_t *weights, enum edgeq_half half, int32_t step, int32_t blocks)
{
    int32_t sum = 0;
#if defined(__ARM_FEATURE_MVE)
    __asm__ volatile("dls lr, %[blocks]\n"
                     "1: vldrb.8 q0, [%[x]], #16\n"
                     "vldrb.8 q1, [%[weights]]\n"
                     "add %[weights], %[weights], %[step]\n"
                     "vshl.s8 q1, %[left]\n"
                     "vshr.s8 q1, q1, #4\n"
                     "vmladava.s8 %[sum], q0, q1\n"
                     "le lr, 1b\n"
        : [sum] "+Te"(sum), [x] "+r"(x), [weights] "+r"(weights)
        : [step] "r"(step), [blocks] "r"(blocks), [left] "r"(half == EDGEQ_LOW_HALF ? 4 : 0)
        : "lr", "q0", "q1", "memory");
#else
    for (; blocks > 0; blocks--, x += EDGEQ_NIBBLES_TAPS, weights += step) {
        for (int32_t i = 0; i < EDGEQ_NIBBLES_TAPS; i++) {
            sum += x[i] * edgeq_nibble(weights[i], half);
        }
    }
#endif
    return sum;
}

/* A vector of its own, as bytes. */
static inline void edgeq_mve_widen(int8_t to[EDGEQ_NIBBLES_TAPS], const int8_t *nibbles)
{
#if defined(__ARM_FEATURE_MVE)
    __asm__ volatile("vldrb.u16 q0, [%[nibbles]]\n"
                     "vsli.16 q0, q0, #4\n"
                     "vshl.i8 q0, q0, #4\n"
                     "vshr.s8 q0, q0, #4\n"
                     "vstrb.8 q0, [%[to]]\n"
        :
        : [to] "r"(to), [nibbles] "l"(nibbles)
        : "q0", "memory");
#else
    for (int32_t i = 0; i < EDGEQ_NIBBLES_BYTES; i++) {
        to[2 * i] = (int8_t)edgeq_nibble(nibbles[i], EDGEQ_LOW_HALF);
        to[2 * i + 1] = (int8_t)edgeq_nibble(nibbles[i], EDGEQ_HIGH_HALF);
    }
#endif
}

#endif
