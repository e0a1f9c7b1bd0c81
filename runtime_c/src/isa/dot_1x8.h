/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_DOT_1X8_H
#define EDGEQ_ISA_DOT_1X8_H

/* A row of inputs times a matrix, eight channels at a time, to outputs: the inner loop of fully
 * connected layers. The weights of two channels share a halfword, as in isa/dot_2x4.h.
 *
 * Inputs are taken four at a time: two words of inputs, and for each of them four of weights, one
 * for each pair of channels. */

#include "isa/dsp.h"
#include "stage.h"

#include <stddef.h>

/* Fours between two tests of the loop; bytes of code of each. */
#if defined(__OPTIMIZE_SIZE__)
#define EDGEQ_UNROLLED_FOURS 1
#else
#define EDGEQ_UNROLLED_FOURS 4
#endif
#define EDGEQ_FOUR_CODE 128

/* What is to be computed. `weights` has, for eight channels, eight words per four inputs, then
 * their stages; `bias` eight words: for each pair the sum 256 * odd + even of both, and the even
 * one. The outputs of the first `whole` channels, a multiple of 8, go to `output`; those of eight
 * more to `rest`, unless its end is null. */
struct edgeq_row_1x8 {
    const int32_t *x;       /*  0 */
    const int32_t *x_end;   /*  4 */
    int32_t skipped;        /*  8: bytes of code, in the first round of the loop */
    const int32_t *bias;    /* 12 */
    int8_t *output;         /* 16 */
    int32_t whole;          /* 20: on the stack the end of output */
    int8_t *rest;           /* 24 */
    int8_t *rest_end;       /* 28 */
    const int32_t *weights; /* 32 */
};

static inline void edgeq_set_fours(struct edgeq_row_1x8 *row, const int32_t *x, int32_t fours)
{
    row->x = x;
    row->x_end = x + 2 * fours;
    row->skipped = (-fours & (EDGEQ_UNROLLED_FOURS - 1)) * EDGEQ_FOUR_CODE;
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

/* Sums of eight channels: for each pair 256 times the odd one, and the even one. */
static inline void edgeq_sums_1x8(const struct edgeq_row_1x8 *row, int32_t *sums)
{
    register const struct edgeq_row_1x8 *from __asm__("r0") = row;
    register int32_t *to __asm__("r1") = sums;
    __asm__ volatile("push {r1, r7}\n"
                     "ldm r0, {r1, r2, r3, r4, r5, r6, r8, r9, lr}\n"
                     "push {r1, r2, r3, r4, r5, r6, r8, r9}\n" EDGEQ_SUMS_1X8 "ldr r12, [sp, #32]\n"
                     "stm r12, {r0, r1, r2, r3, r4, r5, r6, r7}\n"
                     "add sp, #32\n"
                     "pop {r1, r7}\n"
        : "+r"(from), "+r"(to)
        : [unrolled] "i"(EDGEQ_UNROLLED_FOURS)
        : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

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

#if EDGEQ_DSP && defined(EDGEQ_STAGE_MACRO)

static inline void edgeq_multiply_1x8(const struct edgeq_row_1x8 *row)
{
    register const struct edgeq_row_1x8 *from __asm__("r0") = row;
    __asm__ volatile(EDGEQ_STAGE_MACRO ".macro edgeq_channel sum\n"
                                       "ldr r9, [lr], #4\n"
                                       "ldr r10, [lr], #4\n"
                                       "ldr r11, [lr], #4\n"
                                       "edgeq_stage \\sum, r9, r10, r12\n"
                                       "asrs \\sum, r11\n"
                                       "ssat \\sum, #8, \\sum\n"
                                       "strb \\sum, [r8], #1\n"
                                       ".endm\n"
                                       "push {r7}\n"
                                       "ldm r0, {r1, r2, r3, r4, r5, r6, r8, r9, lr}\n"
                                       "add r6, r5\n"
                                       "push {r1, r2, r3, r4, r5, r6, r8, r9}\n"
                                       "cmp r6, r5\n"
                                       "beq 3f\n"
                                       "2:\n" EDGEQ_SUMS_1X8 /* eight channels */
                                       "ldr r8, [sp, #16]\n"
                                       "lsls r1, #1\n"
                                       "edgeq_channel r1\n"
                                       "asrs r0, #7\n"
                                       "edgeq_channel r0\n"
                                       "lsls r3, #1\n"
                                       "edgeq_channel r3\n"
                                       "asrs r2, #7\n"
                                       "edgeq_channel r2\n"
                                       "lsls r5, #1\n"
                                       "edgeq_channel r5\n"
                                       "asrs r4, #7\n"
                                       "edgeq_channel r4\n"
                                       "lsls r7, #1\n"
                                       "edgeq_channel r7\n"
                                       "asrs r6, #7\n"
                                       "edgeq_channel r6\n"
                                       "ldr r12, [sp, #20]\n"
                                       "str r8, [sp, #16]\n"
                                       "cmp r8, r12\n"
                                       "bne 2b\n"
                                       "3:\n" /* the rest */
                                       "ldr r11, [sp, #28]\n"
                                       "ldr r9, [sp, #24]\n"
                                       "cmp r11, #0\n"
                                       "beq 4f\n"
                                       "mov r12, #0\n"
                                       "str r9, [sp, #16]\n"
                                       "str r11, [sp, #20]\n"
                                       "str r12, [sp, #28]\n"
                                       "b 2b\n"
                                       "4:\n"
                                       "add sp, #32\n"
                                       "pop {r7}\n"
                                       ".purgem edgeq_stage\n"
                                       ".purgem edgeq_channel\n"
        : "+r"(from)
        : [unrolled] "i"(EDGEQ_UNROLLED_FOURS)
        : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
        "memory");
}

#else

/* Eight channels to `output`; advances weights and biases. */
static inline void edgeq_multiply_channels(struct edgeq_row_1x8 *row, int8_t *output)
{
    int32_t sums[8];
    edgeq_sums_1x8(row, sums);
    row->bias += 8;
    row->weights += 4 * (row->x_end - row->x);
    for (int32_t i = 0; i < 8; i++, row->weights += EDGEQ_STAGE_WORDS) {
        int32_t sum = (i & 1) != 0 ? sums[i - 1] >> 8 : sums[i + 1];
        int32_t out = edgeq_stage(2 * sum, row->weights[EDGEQ_STAGE_MULTIPLIER],
            row->weights[EDGEQ_STAGE_ADDEND], row->weights[EDGEQ_STAGE_SHIFT]);
        output[i] = (int8_t)edgeq_saturate8(out);
    }
}

static inline void edgeq_multiply_1x8(const struct edgeq_row_1x8 *row)
{
    struct edgeq_row_1x8 next = *row;
    for (int32_t i = 0; i < row->whole; i += 8) {
        edgeq_multiply_channels(&next, row->output + i);
    }
    if (row->rest_end != NULL) {
        edgeq_multiply_channels(&next, row->rest);
    }
}

#endif

#endif
