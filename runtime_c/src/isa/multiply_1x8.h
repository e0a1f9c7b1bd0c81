/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_MULTIPLY_1X8_H
#define EDGEQ_ISA_MULTIPLY_1X8_H

/* The loop over groups of eight channels around the inner loops of isa/dot_1x8.h and
 * isa/narrow_1x8.h, which define how the sums of eight channels come about, and in what form. */

#include "isa/row_1x8.h"
#include "stage.h"

#include <stddef.h>

#if EDGEQ_DSP

/* Sums of eight channels, among which edgeq_twice_of_channel finds that of one. */
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
        : [unrolled] "i"(EDGEQ_UNROLLED)
        : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#endif

#if EDGEQ_DSP && defined(EDGEQ_STAGE_MACRO)

static inline void edgeq_multiply_1x8(const struct edgeq_row_1x8 *row)
{
    register const struct edgeq_row_1x8 *from __asm__("r0") = row;
    __asm__ volatile(EDGEQ_STAGE_MACRO ".macro edgeq_channel sum, doubling=\n"
                                       "ldr r9, [lr], #4\n"
                                       "ldr r10, [lr], #4\n"
                                       "ldr r11, [lr], #4\n"
                                       ".ifnb \\doubling\n"
                                       "lsr r12, r11, #8\n"
                                       "\\doubling \\sum, r12\n"
                                       ".endif\n"
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
                                       "2:\n" EDGEQ_SUMS_1X8 EDGEQ_OUTPUTS_1X8
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
        : [unrolled] "i"(EDGEQ_UNROLLED)
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
    row->weights += edgeq_words_of_inputs(row);
    for (int32_t i = 0; i < 8; i++, row->weights += EDGEQ_STAGE_WORDS) {
        int32_t shift = row->weights[EDGEQ_STAGE_SHIFT];
        int32_t out = edgeq_stage(edgeq_twice_of_channel(sums, i, shift),
            row->weights[EDGEQ_STAGE_MULTIPLIER], row->weights[EDGEQ_STAGE_ADDEND], (int8_t)shift);
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
