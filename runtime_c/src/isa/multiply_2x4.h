/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_MULTIPLY_2X4_H
#define EDGEQ_ISA_MULTIPLY_2X4_H

/* The loop over groups of four channels around the inner loops of isa/dot_2x4.h and
 * isa/narrow_2x4.h, which define how the sums of four channels come about, and in what form. */

#include "isa/rows_2x4.h"
#include "stage.h"

#include <stddef.h>

#if EDGEQ_DSP

/* Sums of four channels, those of the second row behind those of the first; edgeq_twice_of_channel
 * finds a channel's among the four of a row. */
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

#endif

#if EDGEQ_DSP && defined(EDGEQ_STAGE_MACRO)

static inline void edgeq_multiply_2x4(const struct edgeq_rows_2x4 *rows)
{
    register const struct edgeq_rows_2x4 *from __asm__("r0") = rows;
    __asm__ volatile(EDGEQ_STAGE_MACRO
        ".macro edgeq_channel first, second, doubling=\n"
        "ldr r9, [lr], #4\n"
        "ldr r10, [lr], #4\n"
        "ldr r11, [lr], #4\n"
        ".ifnb \\doubling\n"
        "lsr r12, r11, #8\n"
        "\\doubling \\first, r12\n"
        "\\doubling \\second, r12\n"
        ".endif\n"
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
        "2:\n" EDGEQ_SUMS_2X4 EDGEQ_OUTPUTS_2X4 "str r9, [sp, #20]\n"
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
    rows->weights += edgeq_words_of_steps(rows);
    for (int32_t i = 0; i < 4; i++, rows->weights += EDGEQ_STAGE_WORDS) {
        for (int32_t row = 0; row < 2; row++) {
            int32_t shift = rows->weights[EDGEQ_STAGE_SHIFT];
            int32_t out = edgeq_stage(edgeq_twice_of_channel(sums + 4 * row, i, shift),
                rows->weights[EDGEQ_STAGE_MULTIPLIER], rows->weights[EDGEQ_STAGE_ADDEND],
                (int8_t)shift);
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
