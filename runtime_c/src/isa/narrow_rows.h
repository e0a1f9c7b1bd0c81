/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_NARROW_ROWS_H
#define EDGEQ_ISA_NARROW_ROWS_H

/* The inner loop of dense layers whose weights have EDGEQ_WEIGHT_BITS bits, one output at a time;
 * words as in isa/narrow_groups.h.
 *
 * Codes are multiplied as they are: what they are too large by, times the sum of the inputs, is
 * where a sum begins. */

#include "isa/narrow_pairs.h"

/* What an output's sum begins with. The sums of the first and of the second values of pairs need no
 * more than 16 bits: there are at most 256 pairs. */
static inline int32_t edgeq_offset_of_rows(const int32_t *x, int32_t groups)
{
    uint32_t both = 0;
    for (const int32_t *end = x + 2 * groups; x < end; x += 2) {
        both += (uint32_t)x[0] + (uint32_t)x[1];
    }
    int32_t second = (int32_t)(both + 0x8000u) >> 16;
    int32_t first = (int32_t)(both - ((uint32_t)second << 16));
    return -EDGEQ_CODE_OFFSET * (first + second);
}

/* One row of inputs, in `x` an even and an odd pair for each group of four, times the weights of so
 * many outputs. Adds to a sum for each; returns the weights behind the last. */
#if EDGEQ_THUMB

/* clang-format off */
/* A pair at `shift` in the word in r5, with the mask in r1, times the inputs `x`. */
#define EDGEQ_NARROW_DOT(shift, x)                                                                 \
    shift                                                                                          \
    "ands r4, r1\n"                                                                                \
    "muls r4, " x "\n"                                                                             \
    "asrs r4, #16\n"                                                                               \
    "adcs r0, r4\n"

/* A group, 13 cycles. */
#define EDGEQ_NARROW_ROW(even, odd)                                                                \
    "ldmia r2!, {r6, r7}\n"                                                                        \
    EDGEQ_NARROW_DOT(even, "r6")                                                                   \
    EDGEQ_NARROW_DOT(odd, "r7")

#define EDGEQ_ROW_BYTES 22
#define EDGEQ_RIGHT(shift) "lsrs r4, r5, #" #shift "\n"

#if EDGEQ_WEIGHT_BITS == 4
#define EDGEQ_WORD_OF_ROW                                                                          \
    EDGEQ_NARROW_ROW("movs r4, r5\n", EDGEQ_RIGHT(4))                                              \
    EDGEQ_NARROW_ROW(EDGEQ_RIGHT(8), EDGEQ_RIGHT(12))
#elif EDGEQ_WEIGHT_BITS == 2
#define EDGEQ_WORD_OF_ROW                                                                          \
    EDGEQ_NARROW_ROW("movs r4, r5\n", EDGEQ_RIGHT(2))                                              \
    EDGEQ_NARROW_ROW(EDGEQ_RIGHT(4), EDGEQ_RIGHT(6))                                               \
    EDGEQ_NARROW_ROW(EDGEQ_RIGHT(8), EDGEQ_RIGHT(10))                                              \
    EDGEQ_NARROW_ROW(EDGEQ_RIGHT(12), EDGEQ_RIGHT(14))
#else
#define EDGEQ_WORD_OF_ROW                                                                          \
    EDGEQ_NARROW_ROW("lsls r4, r5, #1\n", "movs r4, r5\n")                                         \
    EDGEQ_NARROW_ROW(EDGEQ_RIGHT(1), EDGEQ_RIGHT(2))                                               \
    EDGEQ_NARROW_ROW(EDGEQ_RIGHT(3), EDGEQ_RIGHT(4))                                               \
    EDGEQ_NARROW_ROW(EDGEQ_RIGHT(5), EDGEQ_RIGHT(6))                                               \
    EDGEQ_NARROW_ROW(EDGEQ_RIGHT(7), EDGEQ_RIGHT(8))                                               \
    EDGEQ_NARROW_ROW(EDGEQ_RIGHT(9), EDGEQ_RIGHT(10))                                              \
    EDGEQ_NARROW_ROW(EDGEQ_RIGHT(11), EDGEQ_RIGHT(12))                                             \
    EDGEQ_NARROW_ROW(EDGEQ_RIGHT(13), EDGEQ_RIGHT(14))
#endif
/* clang-format on */

static inline const int32_t *edgeq_add_rows(
    const int32_t *x, const int32_t *weights, int32_t groups, int32_t outputs, int32_t *sums)
{
    int32_t offset = edgeq_offset_of_rows(x, groups);
    int32_t bytes = edgeq_groups_to_skip(groups) * EDGEQ_ROW_BYTES;
    register int32_t skipped __asm__("r0") = bytes;
    register const int32_t *last __asm__("r1") = sums + outputs;
    register const int32_t *from __asm__("r3") = weights;
    register int32_t *to __asm__("r6") = sums;
    register int32_t mask __asm__("r8") = EDGEQ_CODE_MASK * 0x00010001;
    register const int32_t *end __asm__("r10") = x + 2 * groups;
    register int32_t start __asm__("r11") = offset;
    register const int32_t *begin __asm__("r12") = x;
    /* clang-format off */
    __asm__ volatile(
        ".syntax unified\n"
        "push {r0, r1, r7}\n"
        "1:\n"
        "mov r9, r6\n"
        "mov r0, r11\n"
        "mov r1, r8\n"
        "mov r2, r12\n"
        "ldmia r3!, {r5}\n"
        "ldr r4, [sp]\n"
        "add pc, r4\n"
        "nop\n"
        "2:\n"
        EDGEQ_WORD_OF_ROW
        "cmp r2, r10\n"
        "beq 3f\n"
        "ldmia r3!, {r5}\n"
        "b 2b\n"
        "3:\n"
        "mov r6, r9\n"
        "ldr r4, [r6]\n"
        "adds r0, r4\n"
        "stmia r6!, {r0}\n"
        "ldr r4, [sp, #4]\n"
        "cmp r6, r4\n"
        "bne 1b\n"
        "pop {r0, r1, r7}\n"
        : "+r"(skipped), "+r"(from), "+r"(last), "+r"(to), "+r"(mask), "+r"(end), "+r"(start), "+r"(begin)
        :
        : "r2", "r4", "r5", "r9", "cc", "memory");
    /* clang-format on */
    return from;
}

#else

static inline const int32_t *edgeq_add_rows(
    const int32_t *x, const int32_t *weights, int32_t groups, int32_t outputs, int32_t *sums)
{
    int32_t skipped = edgeq_groups_to_skip(groups);
    int32_t start = edgeq_offset_of_rows(x, groups);
    const int32_t *end = x + 2 * groups;
    for (int32_t o = 0; o < outputs; o++) {
        const int32_t *in = x;
        const int32_t *next = x + 2 * (EDGEQ_GROUPS_OF_WORD - skipped);
        uint32_t word = (uint32_t)*weights++ >> (2 * EDGEQ_WEIGHT_BITS * skipped);
        int32_t sum = start;
        for (;;) {
            for (; in < next; in += 2, word >>= 2 * EDGEQ_WEIGHT_BITS) {
                sum += edgeq_pair_dot(in[0], edgeq_first_codes(word));
                sum += edgeq_pair_dot(in[1], edgeq_first_codes(word >> EDGEQ_WEIGHT_BITS));
            }
            if (next == end) {
                break;
            }
            next += 2 * EDGEQ_GROUPS_OF_WORD;
            word = (uint32_t)*weights++;
        }
        sums[o] += sum;
    }
    return weights;
}

#endif
#endif
