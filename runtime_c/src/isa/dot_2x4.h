/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_DOT_2X4_H
#define EDGEQ_ISA_DOT_2X4_H

/* Two rows of inputs times a matrix, four channels at a time, to outputs: the inner loop of
 * convolutions, where a row is what an output pixel is made of.
 *
 * A halfword of weights holds those of two channels, 256 * odd + even. Sums of products with the
 * halfwords are 256 * odd + even as well, modulo 2^32, and with their sign-extended lower bytes
 * those of the even channel; the difference is 256 times the sum of the odd channel, as long as
 * that fits 24 bits.
 *
 * Inputs are taken two at a time: a step. A step is two words of inputs, one of each row, and two
 * of weights, one for each pair of channels. */

#include "isa/rows_2x4.h"

#include <stddef.h>

/* Steps between two tests of the loop; bytes of code of each. */
#if defined(__OPTIMIZE_SIZE__)
#define EDGEQ_UNROLLED 2
#else
#define EDGEQ_UNROLLED 12
#endif
#define EDGEQ_STEP_CODE 56

/* Of struct edgeq_rows_2x4: `weights` has two words per step, `bias` for each pair of channels the
 * sum 256 * odd + even of both, and the even one. */
static inline void edgeq_set_steps(struct edgeq_rows_2x4 *rows, const int32_t *x, int32_t steps)
{
    int32_t left_out = (EDGEQ_UNROLLED - steps % EDGEQ_UNROLLED) % EDGEQ_UNROLLED;
    rows->x = x;
    rows->x_end = x + 2 * steps;
    rows->skipped = left_out * EDGEQ_STEP_CODE;
}

#if EDGEQ_DSP

/* r0 .. r3: sums of the first row, as in `bias`; r4 .. r7: of the second row; r8: inputs; lr:
 * weights; r9 .. r12: words loaded in a row. The rest is where the stack pointer points. The first
 * round of the loop begins in its middle. */
#define EDGEQ_SUMS_2X4                                                                             \
    "ldr r9, [sp, #12]\n"                                                                          \
    "ldr r10, [sp, #16]\n"                                                                         \
    "ldr r8, [sp]\n"                                                                               \
    "ldr r12, [sp, #8]\n"                                                                          \
    "ldm r9!, {r0, r1, r2, r3}\n"                                                                  \
    "ldm r10!, {r4, r5, r6, r7}\n"                                                                 \
    "str r9, [sp, #12]\n"                                                                          \
    "str r10, [sp, #16]\n"                                                                         \
    "add pc, r12\n"                                                                                \
    "nop\n"                                                                                        \
    "1:\n"                                                                                         \
    ".rept %c[unrolled]\n"                                                                         \
    "ldr r9, [r8], #4\n"                                                                           \
    "ldr r10, [r8], #4\n"                                                                          \
    "ldr r11, [lr], #4\n"                                                                          \
    "ldr r12, [lr], #4\n"                                                                          \
    "smlad r0, r9, r11, r0\n"                                                                      \
    "smlad r4, r10, r11, r4\n"                                                                     \
    "sxtb16 r11, r11\n"                                                                            \
    "smlad r1, r9, r11, r1\n"                                                                      \
    "smlad r5, r10, r11, r5\n"                                                                     \
    "smlad r2, r9, r12, r2\n"                                                                      \
    "smlad r6, r10, r12, r6\n"                                                                     \
    "sxtb16 r12, r12\n"                                                                            \
    "smlad r3, r9, r12, r3\n"                                                                      \
    "smlad r7, r10, r12, r7\n"                                                                     \
    ".endr\n"                                                                                      \
    "ldr r9, [sp, #4]\n"                                                                           \
    "cmp r8, r9\n"                                                                                 \
    "bne 1b\n"                                                                                     \
    "subs r0, r0, r1\n"                                                                            \
    "subs r2, r2, r3\n"                                                                            \
    "subs r4, r4, r5\n"                                                                            \
    "subs r6, r6, r7\n"

/* The sums to outputs, at r9 and r10. */
#define EDGEQ_OUTPUTS_2X4                                                                          \
    "lsls r1, #1\n"                                                                                \
    "lsls r5, #1\n"                                                                                \
    "edgeq_channel r1, r5\n"                                                                       \
    "asrs r0, #7\n"                                                                                \
    "asrs r4, #7\n"                                                                                \
    "edgeq_channel r0, r4\n"                                                                       \
    "lsls r3, #1\n"                                                                                \
    "lsls r7, #1\n"                                                                                \
    "edgeq_channel r3, r7\n"                                                                       \
    "asrs r2, #7\n"                                                                                \
    "asrs r6, #7\n"                                                                                \
    "edgeq_channel r2, r6\n"                                                                       \
    "ldr r9, [sp, #20]\n"                                                                          \
    "ldr r10, [sp, #24]\n"                                                                         \
    "ldr r11, [sp, #28]\n"                                                                         \
    "strb r1, [r9], #1\n"                                                                          \
    "strb r0, [r9], #1\n"                                                                          \
    "strb r3, [r9], #1\n"                                                                          \
    "strb r2, [r9], #1\n"                                                                          \
    "strb r5, [r10], #1\n"                                                                         \
    "strb r4, [r10], #1\n"                                                                         \
    "strb r7, [r10], #1\n"                                                                         \
    "strb r6, [r10], #1\n"

#else

static inline void edgeq_sums_2x4(const struct edgeq_rows_2x4 *rows, int32_t *sums)
{
    for (int32_t row = 0; row < 2; row++) {
        for (int32_t pair = 0; pair < 2; pair++, sums += 2) {
            int32_t both = rows->bias[row][2 * pair];
            int32_t even = rows->bias[row][2 * pair + 1];
            const int32_t *w = rows->weights + pair;
            for (const int32_t *x = rows->x + row; x < rows->x_end; x += 2, w += 2) {
                both = edgeq_smlad(*x, *w, both);
                even = edgeq_smlad(*x, edgeq_sxtb16(*w), even);
            }
            sums[0] = (int32_t)((uint32_t)both - (uint32_t)even);
            sums[1] = even;
        }
    }
}

#endif

/* Of the sums of a row. */
static inline int32_t edgeq_twice_of_channel(const int32_t *sums, int32_t channel, int32_t shift)
{
    (void)shift;
    return 2 * ((channel & 1) != 0 ? sums[channel - 1] >> 8 : sums[channel + 1]);
}

/* Of the weights of four channels. */
static inline ptrdiff_t edgeq_words_of_steps(const struct edgeq_rows_2x4 *rows)
{
    return rows->x_end - rows->x;
}

#include "isa/multiply_2x4.h"

#endif
