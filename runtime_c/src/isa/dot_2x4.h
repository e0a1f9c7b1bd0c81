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

#include "isa/dsp.h"
#include "stage.h"

#include <stddef.h>

/* Steps between two tests of the loop; bytes of code of each. */
#if defined(__OPTIMIZE_SIZE__)
#define EDGEQ_UNROLLED 2
#else
#define EDGEQ_UNROLLED 12
#endif
#define EDGEQ_STEP_CODE 56

/* What is to be computed. `weights` has, for four channels, two words per step, then their stages;
 * `bias` four words: for each pair the sum 256 * odd + even of both, and the even one. The outputs
 * of the first `whole` channels, a multiple of 4, go to `output`; those of four more to `rest`,
 * unless its end is null. */
struct edgeq_rows_2x4 {
    const int32_t *x;       /*  0 */
    const int32_t *x_end;   /*  4 */
    int32_t skipped;        /*  8: bytes of code, in the first round of the loop */
    const int32_t *bias[2]; /* 12 */
    int8_t *output[2];      /* 20 */
    int32_t whole;          /* 28: on the stack the end of output[0] */
    int8_t *rest[2];        /* 32 */
    int8_t *rest_end;       /* 40 */
    const int32_t *weights; /* 44 */
};

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

/* Sums of four channels: for each row and pair 256 times the odd one, and the even one. */
static inline void edgeq_sums_2x4(const struct edgeq_rows_2x4 *rows, int32_t *sums)
{
    register const struct edgeq_rows_2x4 *from __asm__("r0") = rows;
    register int32_t *to __asm__("r1") = sums;
    __asm__ volatile("push {r1, r7}\n"
                     "ldm r0, {r1, r2, r3, r4, r5, r6, r8, r9, r10, r11, r12, lr}\n"
                     "push {r1, r2, r3, r4, r5, r6, r8, r9, r10, r11, r12}\n" EDGEQ_SUMS_2X4
                     "ldr r12, [sp, #44]\n"
                     "stm r12, {r0, r1, r2, r3, r4, r5, r6, r7}\n"
                     "add sp, #44\n"
                     "pop {r1, r7}\n"
        : "+r"(from), "+r"(to)
        : [unrolled] "i"(EDGEQ_UNROLLED)
        : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

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

#if EDGEQ_DSP && defined(EDGEQ_STAGE_MACRO)

static inline void edgeq_multiply_2x4(const struct edgeq_rows_2x4 *rows)
{
    register const struct edgeq_rows_2x4 *from __asm__("r0") = rows;
    __asm__ volatile(EDGEQ_STAGE_MACRO
        ".macro edgeq_channel first, second\n"
        "ldr r9, [lr], #4\n"
        "ldr r10, [lr], #4\n"
        "ldr r11, [lr], #4\n"
        "edgeq_stage \\first, r9, r10, r12\n"
        "edgeq_stage \\second, r9, r10, r12\n"
        "asrs \\first, r11\n"
        "asrs \\second, r11\n"
        "ssat \\first, #8, \\first\n"
        "ssat \\second, #8, \\second\n"
        ".endm\n"
        "push {r7}\n"
        "ldm r0, {r1, r2, r3, r4, r5, r6, r8, r9, r10, r11, r12, lr}\n"
        "add r9, r6\n"
        "push {r1, r2, r3, r4, r5, r6, r8, r9, r10, r11, r12}\n"
        "cmp r9, r6\n"
        "beq 3f\n"
        "2:\n" EDGEQ_SUMS_2X4 /* four channels */
        "lsls r1, #1\n"
        "lsls r5, #1\n"
        "edgeq_channel r1, r5\n"
        "asrs r0, #7\n"
        "asrs r4, #7\n"
        "edgeq_channel r0, r4\n"
        "lsls r3, #1\n"
        "lsls r7, #1\n"
        "edgeq_channel r3, r7\n"
        "asrs r2, #7\n"
        "asrs r6, #7\n"
        "edgeq_channel r2, r6\n"
        "ldr r9, [sp, #20]\n"
        "ldr r10, [sp, #24]\n"
        "ldr r11, [sp, #28]\n"
        "strb r1, [r9], #1\n"
        "strb r0, [r9], #1\n"
        "strb r3, [r9], #1\n"
        "strb r2, [r9], #1\n"
        "strb r5, [r10], #1\n"
        "strb r4, [r10], #1\n"
        "strb r7, [r10], #1\n"
        "strb r6, [r10], #1\n"
        "str r9, [sp, #20]\n"
        "str r10, [sp, #24]\n"
        "cmp r9, r11\n"
        "bne 2b\n"
        "3:\n" /* the rest */
        "ldr r11, [sp, #40]\n"
        "ldr r10, [sp, #36]\n"
        "ldr r9, [sp, #32]\n"
        "cmp r11, #0\n"
        "beq 4f\n"
        "mov r12, #0\n"
        "str r9, [sp, #20]\n"
        "str r10, [sp, #24]\n"
        "str r11, [sp, #28]\n"
        "str r12, [sp, #40]\n"
        "b 2b\n"
        "4:\n"
        "add sp, #44\n"
        "pop {r7}\n"
        ".purgem edgeq_stage\n"
        ".purgem edgeq_channel\n"
        : "+r"(from)
        : [unrolled] "i"(EDGEQ_UNROLLED)
        : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
        "memory");
}

#else

/* Four channels to `output`; advances weights and biases. */
static inline void edgeq_multiply_channels(struct edgeq_rows_2x4 *rows, int8_t *const output[2])
{
    int32_t sums[8];
    edgeq_sums_2x4(rows, sums);
    rows->bias[0] += 4;
    rows->bias[1] += 4;
    rows->weights += rows->x_end - rows->x;
    for (int32_t i = 0; i < 4; i++, rows->weights += EDGEQ_STAGE_WORDS) {
        for (int32_t row = 0; row < 2; row++) {
            const int32_t *sum = sums + 4 * row + i;
            int32_t out = edgeq_stage(2 * ((i & 1) != 0 ? sum[-1] >> 8 : sum[1]),
                rows->weights[EDGEQ_STAGE_MULTIPLIER], rows->weights[EDGEQ_STAGE_ADDEND],
                rows->weights[EDGEQ_STAGE_SHIFT]);
            output[row][i] = (int8_t)edgeq_saturate8(out);
        }
    }
}

static inline void edgeq_multiply_2x4(const struct edgeq_rows_2x4 *rows)
{
    struct edgeq_rows_2x4 next = *rows;
    for (int32_t i = 0; i < rows->whole; i += 4) {
        edgeq_multiply_channels(&next, next.output);
        next.output[0] += 4;
        next.output[1] += 4;
    }
    if (rows->rest_end != NULL) {
        edgeq_multiply_channels(&next, next.rest);
    }
}

#endif

#endif
