/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_NARROW_1X8_H
#define EDGEQ_ISA_NARROW_1X8_H

/* As isa/dot_1x8.h, with weights of 1 to 4 bits: who includes this file defines
 * EDGEQ_WEIGHT_BITS. Channels, codes and offsets are those of isa/narrow.h.
 *
 * `bias` has, for each four channels, what isa/narrow.h begins with, and `weights` words for
 * one four channels and the other by turns: rounds of one, two or four words of inputs. Behind the
 * inputs stands their sum times the codes' offset. */

#include "isa/narrow.h"
#include "isa/row_1x8.h"

/* Rounds between two tests of the loop; bytes of code of each. */
#if defined(__OPTIMIZE_SIZE__)
#define EDGEQ_UNROLLED 1
#else
#define EDGEQ_UNROLLED (8 / EDGEQ_STEPS_OF_ROUND)
#endif
#if EDGEQ_WEIGHT_BITS == 3
#define EDGEQ_ROUND_CODE 360
#else
#define EDGEQ_ROUND_CODE (EDGEQ_WEIGHT_BITS == 4 ? 68 : (EDGEQ_WEIGHT_BITS == 2 ? 152 : 304))
#endif

/* Of `words` of inputs, a multiple of those of a round. */
static inline void edgeq_set_words(struct edgeq_row_1x8 *row, const int32_t *x, int32_t words)
{
    row->x = x;
    row->x_end = x + words;
    row->skipped = (-(words / EDGEQ_STEPS_OF_ROUND) & (EDGEQ_UNROLLED - 1)) * EDGEQ_ROUND_CODE;
}

/* Of the weights of eight channels. */
static inline ptrdiff_t edgeq_words_of_inputs(const struct edgeq_row_1x8 *row)
{
    return 2 * (row->x_end - row->x) / EDGEQ_STEPS_OF_ROUND * EDGEQ_WORDS_OF_ROUND;
}

#if EDGEQ_DSP

/* Registers as in isa/dot_1x8.h. */
#define EDGEQ_LEFT_1X8(w) EDGEQ_FOUR_SUMS(w, "r9", "r0", "r1", "r2", "r3")
#define EDGEQ_RIGHT_1X8(w) EDGEQ_FOUR_SUMS(w, "r9", "r4", "r5", "r6", "r7")
#define EDGEQ_LOAD_1X8                                                                             \
    "ldr r9, [r8], #4\n"                                                                           \
    "ldr r10, [lr], #4\n"                                                                          \
    "ldr r11, [lr], #4\n"
#define EDGEQ_NEXT_1X8 "ldr r9, [r8], #4\n"

#if EDGEQ_WEIGHT_BITS == 4
#define EDGEQ_ROUND_1X8 EDGEQ_LOAD_1X8 EDGEQ_LEFT_1X8("r10") EDGEQ_RIGHT_1X8("r11")
#elif EDGEQ_WEIGHT_BITS == 3
#define EDGEQ_THIRD_1X8                                                                            \
    EDGEQ_LOAD_1X8                                                                                 \
    "and r10, r10, #0x77777777\n" EDGEQ_LEFT_1X8(                                                  \
        "r10") "and r11, r11, #0x77777777\n" EDGEQ_RIGHT_1X8("r11")
#define EDGEQ_ROUND_1X8                                                                            \
    EDGEQ_THIRD_1X8 EDGEQ_THIRD_1X8 EDGEQ_THIRD_1X8 EDGEQ_NEXT_1X8 EDGEQ_FOURTH_CODES("24", "16",  \
        "8") EDGEQ_LEFT_1X8("r12") EDGEQ_FOURTH_CODES("20", "12", "4") EDGEQ_RIGHT_1X8("r12")
#elif EDGEQ_WEIGHT_BITS == 2
#define EDGEQ_ROUND_1X8                                                                            \
    EDGEQ_LOAD_1X8                                                                                 \
    "and r12, r10, #0x33333333\n" EDGEQ_LEFT_1X8(                                                  \
        "r12") "and r12, r11, #0x33333333\n" EDGEQ_RIGHT_1X8("r12") EDGEQ_NEXT_1X8                 \
        "lsr r10, r10, #2\n"                                                                       \
        "lsr r11, r11, #2\n"                                                                       \
        "and r10, r10, #0x33333333\n" EDGEQ_LEFT_1X8(                                              \
            "r10") "and r11, r11, #0x33333333\n" EDGEQ_RIGHT_1X8("r11")
#else
#define EDGEQ_BITS_1X8(shift, by)                                                                  \
    shift " r12, r10, #" by "\n"                                                                   \
          "and r12, r12, #0x22222222\n" EDGEQ_LEFT_1X8("r12") shift                                \
        " r12, r11, #" by "\n"                                                                     \
        "and r12, r12, #0x22222222\n" EDGEQ_RIGHT_1X8("r12")
#define EDGEQ_ROUND_1X8                                                                            \
    EDGEQ_LOAD_1X8 EDGEQ_BITS_1X8("lsl", "1") EDGEQ_NEXT_1X8                                       \
        "and r12, r10, #0x22222222\n" EDGEQ_LEFT_1X8(                                              \
            "r12") "and r12, r11, #0x22222222\n" EDGEQ_RIGHT_1X8("r12")                            \
            EDGEQ_NEXT_1X8 EDGEQ_BITS_1X8("lsr", "1") EDGEQ_NEXT_1X8 EDGEQ_BITS_1X8("lsr", "2")
#endif

#define EDGEQ_SUMS_1X8                                                                             \
    "ldr r9, [sp, #12]\n"                                                                          \
    "ldr r8, [sp]\n"                                                                               \
    "ldr r12, [sp, #8]\n"                                                                          \
    "ldm r9!, {r0, r1, r2, r3, r4, r5, r6, r7}\n"                                                  \
    "str r9, [sp, #12]\n"                                                                          \
    "add pc, r12\n"                                                                                \
    "nop\n"                                                                                        \
    "1:\n"                                                                                         \
    ".rept %c[unrolled]\n" EDGEQ_ROUND_1X8 ".endr\n"                                               \
    "ldr r9, [sp, #4]\n"                                                                           \
    "cmp r8, r9\n"                                                                                 \
    "bne 1b\n"                                                                                     \
    "ldr r9, [r8]\n" EDGEQ_APART("r0", "r1", "r2", "r3", "r9")                                     \
        EDGEQ_APART("r4", "r5", "r6", "r7", "r9")

/* The sums to outputs. */
#define EDGEQ_OUTPUTS_1X8                                                                          \
    "ldr r8, [sp, #16]\n"                                                                          \
    "edgeq_channel r0, asr\n"                                                                      \
    "edgeq_channel r1, asr\n"                                                                      \
    "edgeq_channel r2, asr\n"                                                                      \
    "edgeq_channel r3, lsl\n"                                                                      \
    "edgeq_channel r4, asr\n"                                                                      \
    "edgeq_channel r5, asr\n"                                                                      \
    "edgeq_channel r6, asr\n"                                                                      \
    "edgeq_channel r7, lsl\n"

#else

static inline void edgeq_sums_1x8(const struct edgeq_row_1x8 *row, int32_t *sums)
{
    edgeq_sums_of_four(row->x, 1, row->x_end, row->weights, 2, row->bias, sums);
    edgeq_sums_of_four(row->x, 1, row->x_end, row->weights + 1, 2, row->bias + 4, sums + 4);
}

#endif

#include "isa/multiply_1x8.h"

#endif
