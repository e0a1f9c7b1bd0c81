/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_NARROW_GROUPS_H
#define EDGEQ_ISA_NARROW_GROUPS_H

/* Weights of isa/pair_channels.h of 4, 2 or 1 bits: words have several groups (isa/narrow_pairs.h).
 */

#include "isa/four_sums.h"
#include "isa/narrow_pairs.h"

static inline int32_t edgeq_words_of_groups(int32_t groups)
{
    return (groups + EDGEQ_GROUPS_OF_WORD - 1) / EDGEQ_GROUPS_OF_WORD;
}

#if EDGEQ_THUMB

/* clang-format off */
/* A pair of weights, moved by `shift` from its place in the word in r8, times those of four pixels:
 * 23 cycles. */
#define EDGEQ_NARROW_PAIR(shift)                                                                   \
    "mov r5, r8\n"                                                                                 \
    shift                                                                                          \
    "mov r6, r10\n"                                                                                \
    "ands r5, r6\n"                                                                                \
    "add r5, r11\n"                                                                                \
    EDGEQ_TWO_DOTS("r0", "r1")                                                                     \
    EDGEQ_TWO_DOTS("r2", "r3")

#define EDGEQ_GROUP_BYTES 76

#if EDGEQ_WEIGHT_BITS == 4
#define EDGEQ_GROUPS                                                                               \
    EDGEQ_NARROW_PAIR("movs r5, r5\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #4\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #8\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #12\n")
#elif EDGEQ_WEIGHT_BITS == 2
#define EDGEQ_GROUPS                                                                               \
    EDGEQ_NARROW_PAIR("movs r5, r5\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #2\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #4\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #6\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #8\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #10\n")                                                            \
    EDGEQ_NARROW_PAIR("lsrs r5, #12\n")                                                            \
    EDGEQ_NARROW_PAIR("lsrs r5, #14\n")
#else
#define EDGEQ_GROUPS                                                                               \
    EDGEQ_NARROW_PAIR("lsls r5, #1\n")                                                             \
    EDGEQ_NARROW_PAIR("movs r5, r5\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #1\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #2\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #3\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #4\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #5\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #6\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #7\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #8\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #9\n")                                                             \
    EDGEQ_NARROW_PAIR("lsrs r5, #10\n")                                                            \
    EDGEQ_NARROW_PAIR("lsrs r5, #11\n")                                                            \
    EDGEQ_NARROW_PAIR("lsrs r5, #12\n")                                                            \
    EDGEQ_NARROW_PAIR("lsrs r5, #13\n")                                                            \
    EDGEQ_NARROW_PAIR("lsrs r5, #14\n")
#endif

#define EDGEQ_FIRST_WORD                                                                           \
    "mov r6, r9\n"                                                                                 \
    "ldmia r6!, {r7}\n"                                                                            \
    "mov r9, r6\n"                                                                                 \
    "mov r8, r7\n"
#define EDGEQ_NEXT_WORD                                                                            \
    "beq 6f\n"                                                                                     \
    EDGEQ_FIRST_WORD                                                                               \
    "b 2b\n"                                                                                       \
    "6:\n"
#define EDGEQ_GROUP_MASKS EDGEQ_NARROW_MASKS("r10", "r11")
/* clang-format on */

#else

/* `sum` and the products of all groups. */
static inline struct edgeq_four_sums edgeq_sum_groups(
    const int32_t *x, const int32_t *filter, int32_t groups, int32_t sum)
{
    struct edgeq_four_sums sums = {sum, sum, sum, sum};
    int32_t skipped = edgeq_groups_to_skip(groups);
    const int32_t *end = x + 8 * groups;
    const int32_t *next = x + 8 * (EDGEQ_GROUPS_OF_WORD - skipped);
    uint32_t word = (uint32_t)*filter++ >> (2 * EDGEQ_WEIGHT_BITS * skipped);
    for (;;) {
        for (; x < next; x += 8, word >>= 2 * EDGEQ_WEIGHT_BITS) {
            edgeq_add_four_dots(&sums, x, edgeq_first_pair(word));
            edgeq_add_four_dots(&sums, x + 4, edgeq_first_pair(word >> EDGEQ_WEIGHT_BITS));
        }
        if (next == end) {
            return sums;
        }
        next += 8 * EDGEQ_GROUPS_OF_WORD;
        word = (uint32_t)*filter++;
    }
}

#endif
#endif
