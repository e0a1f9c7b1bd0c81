/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_BYTE_GROUPS_H
#define EDGEQ_ISA_BYTE_GROUPS_H

/* Weights of isa/pair_channels.h that are bytes: a word is a group. */

#include "isa/four_sums.h"
#include "isa/thumb.h"

static inline int32_t edgeq_words_of_groups(int32_t groups)
{
    return groups;
}

#if EDGEQ_THUMB

/* clang-format off */
/* Four elements of four pixels, 48 cycles: r5 becomes the even, then the odd pair of weights. */
#define EDGEQ_GROUP                                                                                \
    "mov r6, r9\n"                                                                                 \
    "ldmia r6!, {r7}\n"                                                                            \
    "mov r9, r6\n"                                                                                 \
    "mov r5, r10\n"                                                                                \
    "ands r5, r7\n"                                                                                \
    "subs r7, r5\n"                                                                                \
    "asrs r7, #8\n"                                                                                \
    "subs r7, #128\n"                                                                              \
    "mov r8, r7\n"                                                                                 \
    "add r5, r11\n"                                                                                \
    EDGEQ_TWO_DOTS("r0", "r1")                                                                     \
    EDGEQ_TWO_DOTS("r2", "r3")                                                                     \
    "mov r5, r8\n"                                                                                 \
    EDGEQ_TWO_DOTS("r0", "r1")                                                                     \
    EDGEQ_TWO_DOTS("r2", "r3")

#define EDGEQ_GROUP_BYTES 78

#define EDGEQ_GROUPS EDGEQ_GROUP EDGEQ_GROUP

/* What comes before the first group, of which there are some less, and behind the last one, while
 * others follow. */
#define EDGEQ_FIRST_WORD ""
#define EDGEQ_NEXT_WORD "bne 2b\n"
#define EDGEQ_GROUP_MASKS EDGEQ_MASKS("r10", "r11")
/* clang-format on */

static inline int32_t edgeq_groups_to_skip(int32_t groups)
{
    return groups & 1;
}

#else

/* `sum` and the products of all groups. */
static inline struct edgeq_four_sums edgeq_sum_groups(
    const int32_t *x, const int32_t *filter, int32_t groups, int32_t sum)
{
    struct edgeq_four_sums sums = {sum, sum, sum, sum};
    for (const int32_t *end = filter + groups; filter < end; filter++, x += 8) {
        edgeq_add_four_dots(&sums, x, edgeq_even_pair(*filter));
        edgeq_add_four_dots(&sums, x + 4, edgeq_odd_pair(*filter));
    }
    return sums;
}

#endif
#endif
