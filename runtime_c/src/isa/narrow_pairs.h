/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_NARROW_PAIRS_H
#define EDGEQ_ISA_NARROW_PAIRS_H

/* Words of weights of EDGEQ_WEIGHT_BITS (4, 2 or 1) bits, which who includes this file defines, for
 * cores without SIMD (isa/swar.h).
 *
 * A word has several groups of four elements, the first in its lowest bits; those that are missing
 * are missing from the beginning of the first word. A pair is a code in the lower half of a word,
 * the first, and one at the same place in the upper half. A code is the weight plus 8 or 2; of 1
 * bit it is 0 for -1 and 1 for 1. The pairs of a group follow upon each other, the even one first.
 */

#include "isa/swar.h"

/* A code in either half of a word, and what is subtracted from it; a bit is doubled. */
#if EDGEQ_WEIGHT_BITS == 4
#define EDGEQ_CODE_MASK 15
#define EDGEQ_CODE_OFFSET 8
#elif EDGEQ_WEIGHT_BITS == 2
#define EDGEQ_CODE_MASK 3
#define EDGEQ_CODE_OFFSET 2
#else
#define EDGEQ_CODE_MASK 2
#define EDGEQ_CODE_OFFSET 1
#endif

enum { EDGEQ_GROUPS_OF_WORD = 8 / EDGEQ_WEIGHT_BITS };

static inline int32_t edgeq_groups_to_skip(int32_t groups)
{
    return -groups & (EDGEQ_GROUPS_OF_WORD - 1);
}

#if EDGEQ_THUMB

#define EDGEQ_TEXT(number) #number
#define EDGEQ_TEXT_OF(number) EDGEQ_TEXT(number)

/* What takes a pair from a word, from r0 and r1: a mask and an offset that is added. */
#define EDGEQ_NARROW_MASKS(mask, offset)                                                           \
    "movs r0, #" EDGEQ_TEXT_OF(EDGEQ_CODE_MASK) "\n"                                               \
                                                "lsls r1, r0, #16\n"                               \
                                                "adds r0, r1\n"                                    \
                                                "mov " mask ", r0\n"                               \
                                                "movs r0, #" EDGEQ_TEXT_OF(                        \
                                                    EDGEQ_CODE_OFFSET) "\n"                        \
                                                                       "lsls r1, r0, #16\n"        \
                                                                       "adds r0, r1\n"             \
                                                                       "negs r0, r0\n"             \
                                                                       "mov " offset ", r0\n"

#else

/* The pair whose codes are the lowest bits of either half, as codes. */
static inline int32_t edgeq_first_codes(uint32_t word)
{
    uint32_t codes = EDGEQ_WEIGHT_BITS == 1 ? word << 1 : word;
    return (int32_t)(codes & EDGEQ_CODE_MASK * 0x00010001u);
}

/* And as weights. */
static inline int32_t edgeq_first_pair(uint32_t word)
{
    return edgeq_first_codes(word) - EDGEQ_CODE_OFFSET * 0x00010001;
}

#endif
#endif
