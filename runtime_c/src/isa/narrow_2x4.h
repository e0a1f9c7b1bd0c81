/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_NARROW_2X4_H
#define EDGEQ_ISA_NARROW_2X4_H

/* As isa/dot_2x4.h, with weights of 1 to 4 bits: who includes this file defines
 * EDGEQ_WEIGHT_BITS. Channels, codes and offsets are those of isa/narrow.h.
 *
 * `bias` has, for four channels, what isa/narrow.h begins with, and `weights` rounds of one, two or
 * four steps. Behind the inputs stand two words more, the sum of each row's inputs times the
 * codes' offset. The shift of a stage has two bytes: see edgeq_twice_of_channel. */

#include "isa/narrow.h"
#include "isa/rows_2x4.h"

#include <stddef.h>

/* Rounds between two tests of the loop; bytes of code of each. */
#if defined(__OPTIMIZE_SIZE__)
#define EDGEQ_UNROLLED 1
#else
#define EDGEQ_UNROLLED (12 / EDGEQ_STEPS_OF_ROUND)
#endif
#if EDGEQ_WEIGHT_BITS == 3
#define EDGEQ_ROUND_CODE 268
#else
#define EDGEQ_ROUND_CODE (EDGEQ_WEIGHT_BITS == 4 ? 56 : (EDGEQ_WEIGHT_BITS == 2 ? 120 : 240))
#endif

/* Of `steps`, the last is that of the offsets; the others are a multiple of those of a round. */
static inline void edgeq_set_steps(struct edgeq_rows_2x4 *rows, const int32_t *x, int32_t steps)
{
    int32_t rounds = (steps - 1) / EDGEQ_STEPS_OF_ROUND;
    int32_t left_out = (EDGEQ_UNROLLED - rounds % EDGEQ_UNROLLED) % EDGEQ_UNROLLED;
    rows->x = x;
    rows->x_end = x + 2 * (steps - 1);
    rows->skipped = left_out * EDGEQ_ROUND_CODE;
}

/* Of the weights of four channels. */
static inline ptrdiff_t edgeq_words_of_steps(const struct edgeq_rows_2x4 *rows)
{
    return (rows->x_end - rows->x) / (2 * EDGEQ_STEPS_OF_ROUND) * EDGEQ_WORDS_OF_ROUND;
}

#if EDGEQ_DSP

/* Registers as in isa/dot_2x4.h. A step: codes are in `w`, and are lost. */
#define EDGEQ_STEP_2X4(w)                                                                          \
    "smlad r0, r9, " w ", r0\n"                                                                    \
    "smlad r4, r10, " w ", r4\n"                                                                   \
    "bic " w ", " w ", #0xF000F000\n"                                                              \
    "smlad r1, r9, " w ", r1\n"                                                                    \
    "smlad r5, r10, " w ", r5\n"                                                                   \
    "uxtb16 " w ", " w "\n"                                                                        \
    "smlad r2, r9, " w ", r2\n"                                                                    \
    "smlad r6, r10, " w ", r6\n"                                                                   \
    "and " w ", " w ", #0x000F000F\n"                                                              \
    "smlad r3, r9, " w ", r3\n"                                                                    \
    "smlad r7, r10, " w ", r7\n"

#define EDGEQ_LOAD_2X4                                                                             \
    "ldr r9, [r8], #4\n"                                                                           \
    "ldr r10, [r8], #4\n"

#if EDGEQ_WEIGHT_BITS == 4
#define EDGEQ_ROUND_2X4 EDGEQ_LOAD_2X4 "ldr r11, [lr], #4\n" EDGEQ_STEP_2X4("r11")
#elif EDGEQ_WEIGHT_BITS == 3
#define EDGEQ_THIRD_2X4                                                                            \
    EDGEQ_LOAD_2X4                                                                                 \
    "ldr r11, [lr], #4\n"                                                                          \
    "and r11, r11, #0x77777777\n" EDGEQ_STEP_2X4("r11")
#define EDGEQ_ROUND_2X4                                                                            \
    EDGEQ_THIRD_2X4 EDGEQ_THIRD_2X4 EDGEQ_THIRD_2X4 EDGEQ_LOAD_2X4 EDGEQ_FOURTH_CODES(             \
        "12", "8", "4") EDGEQ_STEP_2X4("r12")
#elif EDGEQ_WEIGHT_BITS == 2
#define EDGEQ_ROUND_2X4                                                                            \
    EDGEQ_LOAD_2X4                                                                                 \
    "ldr r11, [lr], #4\n"                                                                          \
    "and r12, r11, #0x33333333\n" EDGEQ_STEP_2X4("r12") EDGEQ_LOAD_2X4                             \
        "lsr r11, r11, #2\n"                                                                       \
        "and r12, r11, #0x33333333\n" EDGEQ_STEP_2X4("r12")
#else
#define EDGEQ_ROUND_2X4                                                                            \
    EDGEQ_LOAD_2X4                                                                                 \
    "ldr r11, [lr], #4\n"                                                                          \
    "lsl r12, r11, #1\n"                                                                           \
    "and r12, r12, #0x22222222\n" EDGEQ_STEP_2X4("r12") EDGEQ_LOAD_2X4                             \
        "and r12, r11, #0x22222222\n" EDGEQ_STEP_2X4("r12") EDGEQ_LOAD_2X4                         \
        "lsr r12, r11, #1\n"                                                                       \
        "and r12, r12, #0x22222222\n" EDGEQ_STEP_2X4("r12") EDGEQ_LOAD_2X4                         \
        "lsr r12, r11, #2\n"                                                                       \
        "and r12, r12, #0x22222222\n" EDGEQ_STEP_2X4("r12")
#endif

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
    ".rept %c[unrolled]\n" EDGEQ_ROUND_2X4 ".endr\n"                                               \
    "ldr r9, [sp, #4]\n"                                                                           \
    "cmp r8, r9\n"                                                                                 \
    "bne 1b\n"                                                                                     \
    "ldr r9, [r8]\n"                                                                               \
    "ldr r10, [r8, #4]\n" EDGEQ_APART("r0", "r1", "r2", "r3", "r9")                                \
        EDGEQ_APART("r4", "r5", "r6", "r7", "r10")

/* The sums to outputs, at r9 and r10. */
#define EDGEQ_OUTPUTS_2X4                                                                          \
    "edgeq_channel r0, r4, asr\n"                                                                  \
    "edgeq_channel r1, r5, asr\n"                                                                  \
    "edgeq_channel r2, r6, asr\n"                                                                  \
    "edgeq_channel r3, r7, lsl\n"                                                                  \
    "ldr r9, [sp, #20]\n"                                                                          \
    "ldr r10, [sp, #24]\n"                                                                         \
    "ldr r11, [sp, #28]\n"                                                                         \
    "strb r0, [r9], #1\n"                                                                          \
    "strb r1, [r9], #1\n"                                                                          \
    "strb r2, [r9], #1\n"                                                                          \
    "strb r3, [r9], #1\n"                                                                          \
    "strb r4, [r10], #1\n"                                                                         \
    "strb r5, [r10], #1\n"                                                                         \
    "strb r6, [r10], #1\n"                                                                         \
    "strb r7, [r10], #1\n"

#else

static inline void edgeq_sums_2x4(const struct edgeq_rows_2x4 *rows, int32_t *sums)
{
    for (int32_t row = 0; row < 2; row++, sums += 4) {
        edgeq_sums_of_four(
            rows->x + row, 2, rows->x_end + row, rows->weights, 1, rows->bias[row], sums);
    }
}

#endif

#include "isa/multiply_2x4.h"

#endif
