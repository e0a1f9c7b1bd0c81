/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_DOT_1X8_H
#define EDGEQ_ISA_DOT_1X8_H

/* A row of inputs times a matrix, eight channels at a time, to outputs: the inner loop of fully
 * connected layers. The weights of two channels share a halfword, as in isa/dot_2x4.h.
 *
 * Inputs are taken four at a time: two words of inputs, and for each of them four of weights, one
 * for each pair of channels. */

#include "isa/row_1x8.h"

#include <stddef.h>

/* Fours between two tests of the loop; bytes of code of each. */
#if defined(__OPTIMIZE_SIZE__)
#define EDGEQ_UNROLLED 1
#else
#define EDGEQ_UNROLLED 4
#endif
#define EDGEQ_FOUR_CODE 128

/* Of struct edgeq_row_1x8: `weights` has eight words per four inputs, `bias` for each pair of
 * channels the sum 256 * odd + even of both, and the even one. */
static inline void edgeq_set_fours(struct edgeq_row_1x8 *row, const int32_t *x, int32_t fours)
{
    row->x = x;
    row->x_end = x + 2 * fours;
    row->skipped = (-fours & (EDGEQ_UNROLLED - 1)) * EDGEQ_FOUR_CODE;
}

#if EDGEQ_DSP

/* r0 .. r7: sums, as in `bias`; r8: inputs; lr: weights; r9 .. r12: words loaded in a row. The rest
 * is where the stack pointer points. The first round of the loop begins in its middle. */
#define EDGEQ_PAIR(both, even, x, w)                                                               \
    "smlad " #both ", " #x ", " #w ", " #both "\n"                                                 \
    "sxtb16 " #w ", " #w "\n"                                                                      \
    "smlad " #even ", " #x ", " #w ", " #even "\n"

#define EDGEQ_SUMS_1X8                                                                             \
    "ldr r9, [sp, #12]\n"                                                                          \
    "ldr r8, [sp]\n"                                                                               \
    "ldr r12, [sp, #8]\n"                                                                          \
    "ldm r9!, {r0, r1, r2, r3, r4, r5, r6, r7}\n"                                                  \
    "str r9, [sp, #12]\n"                                                                          \
    "add pc, r12\n"                                                                                \
    "nop\n"                                                                                        \
    "1:\n"                                                                                         \
    ".rept %c[unrolled]\n"                                                                         \
    "ldr r9, [r8], #4\n"                                                                           \
    "ldr r10, [lr], #4\n"                                                                          \
    "ldr r11, [lr], #4\n"                                                                          \
    "ldr r12, [lr], #4\n" EDGEQ_PAIR(r0, r1, r9, r10) EDGEQ_PAIR(r2, r3, r9, r11) EDGEQ_PAIR(      \
        r4, r5, r9, r12) "ldr r10, [lr], #4\n"                                                     \
                         "ldr r11, [r8], #4\n"                                                     \
                         "ldr r12, [lr], #4\n" EDGEQ_PAIR(r6, r7, r9, r10)                         \
                             EDGEQ_PAIR(r0, r1, r11, r12) "ldm lr!, {r9, r10, r12}\n" EDGEQ_PAIR(  \
                                 r2, r3, r11, r9) EDGEQ_PAIR(r4, r5, r11, r10)                     \
                                 EDGEQ_PAIR(r6, r7, r11, r12) ".endr\n"                            \
                                                              "ldr r9, [sp, #4]\n"                 \
                                                              "cmp r8, r9\n"                       \
                                                              "bne 1b\n"                           \
                                                              "subs r0, r0, r1\n"                  \
                                                              "subs r2, r2, r3\n"                  \
                                                              "subs r4, r4, r5\n"                  \
                                                              "subs r6, r6, r7\n"

/* The sums to outputs. */
#define EDGEQ_OUTPUTS_1X8                                                                          \
    "ldr r8, [sp, #16]\n"                                                                          \
    "lsls r1, #1\n"                                                                                \
    "edgeq_channel r1\n"                                                                           \
    "asrs r0, #7\n"                                                                                \
    "edgeq_channel r0\n"                                                                           \
    "lsls r3, #1\n"                                                                                \
    "edgeq_channel r3\n"                                                                           \
    "asrs r2, #7\n"                                                                                \
    "edgeq_channel r2\n"                                                                           \
    "lsls r5, #1\n"                                                                                \
    "edgeq_channel r5\n"                                                                           \
    "asrs r4, #7\n"                                                                                \
    "edgeq_channel r4\n"                                                                           \
    "lsls r7, #1\n"                                                                                \
    "edgeq_channel r7\n"                                                                           \
    "asrs r6, #7\n"                                                                                \
    "edgeq_channel r6\n"

#else

static inline void edgeq_sums_1x8(const struct edgeq_row_1x8 *row, int32_t *sums)
{
    for (int32_t pair = 0; pair < 4; pair++, sums += 2) {
        int32_t both = row->bias[2 * pair];
        int32_t even = row->bias[2 * pair + 1];
        const int32_t *w = row->weights + pair;
        for (const int32_t *x = row->x; x < row->x_end; x++, w += 4) {
            both = edgeq_smlad(*x, *w, both);
            even = edgeq_smlad(*x, edgeq_sxtb16(*w), even);
        }
        sums[0] = (int32_t)((uint32_t)both - (uint32_t)even);
        sums[1] = even;
    }
}

#endif

static inline int32_t edgeq_twice_of_channel(const int32_t *sums, int32_t channel, int32_t shift)
{
    (void)shift;
    return 2 * ((channel & 1) != 0 ? sums[channel - 1] >> 8 : sums[channel + 1]);
}

/* Of the weights of eight channels. */
static inline ptrdiff_t edgeq_words_of_inputs(const struct edgeq_row_1x8 *row)
{
    return 4 * (row->x_end - row->x);
}

#include "isa/multiply_1x8.h"

#endif
