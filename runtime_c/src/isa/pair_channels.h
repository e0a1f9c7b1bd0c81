/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_PAIR_CHANNELS_H
#define EDGEQ_ISA_PAIR_CHANNELS_H

/* The inner loop of convolutions. Who includes this file includes before how words of weights are
 * read: isa/byte_groups.h, or isa/narrow_groups.h. */

#include "isa/ramp.h"
#include "isa/swar.h"
#include "isa/thumb.h"

/* Four pixels times the filters of `channels` channels.
 *
 * Four elements are a group: in `x` the even pairs of the pixels, then the odd ones; in `filters` a
 * word, or a part of one. A filter is the words of `groups` groups and a stage (isa/ramp.h). If
 * that is a ramp, a channel's outputs go to `outputs`, that of the first pixel after the others; if
 * not, the sums go to `sums`. */
#if EDGEQ_THUMB

static inline void edgeq_pair_channels(const int32_t *x, const int32_t *filters, int32_t groups,
    int32_t channels, int8_t *const *outputs, int32_t *sums)
{
    int32_t words = edgeq_words_of_groups(groups);
    int32_t bytes = edgeq_groups_to_skip(groups) * EDGEQ_GROUP_BYTES;
    register int32_t skipped __asm__("r0") = bytes;
    register const int32_t *last __asm__("r1") = filters + (words + EDGEQ_RAMP_WORDS) * channels;
    register int8_t *first __asm__("r2") = outputs[0];
    register int32_t second __asm__("r3") = (int32_t)(outputs[1] - first);
    register int32_t third __asm__("r4") = (int32_t)(outputs[2] - first);
    register int32_t fourth __asm__("r5") = (int32_t)(outputs[3] - first);
    register int32_t *to __asm__("r6") = sums;
    register const int32_t *begin __asm__("r8") = x;
    register const int32_t *from __asm__("r9") = filters;
    register const int32_t *end __asm__("r12") = x + 8 * groups;
    /* clang-format off */
    __asm__ volatile(
        ".syntax unified\n"
        "push {r0, r1, r2, r3, r4, r5, r6, r7}\n"
        "mov lr, r8\n"
        EDGEQ_GROUP_MASKS
        "1:\n"
        "ldr r5, [sp]\n"
        "mov r4, lr\n"
        "movs r0, #0\n"
        "movs r1, #0\n"
        "movs r2, #0\n"
        "movs r3, #0\n"
        EDGEQ_FIRST_WORD
        "add pc, r5\n"
        "nop\n"
        "2:\n"
        EDGEQ_GROUPS
        "cmp r4, r12\n"
        EDGEQ_NEXT_WORD
        "mov r4, r9\n"
        "ldmia r4!, {r5, r6}\n"
        "adds r0, r5\n"
        "adds r1, r5\n"
        "adds r2, r5\n"
        "adds r3, r5\n"
        "cmp r6, #0\n"
        "blt 3f\n"
        EDGEQ_CLAMP("r0", "r6", "r7")
        EDGEQ_CLAMP("r1", "r6", "r7")
        EDGEQ_CLAMP("r2", "r6", "r7")
        EDGEQ_CLAMP("r3", "r6", "r7")
        "ldmia r4!, {r5, r6}\n"
        EDGEQ_RISE("r0", "r5", "r6", "r7")
        EDGEQ_RISE("r1", "r5", "r6", "r7")
        EDGEQ_RISE("r2", "r5", "r6", "r7")
        EDGEQ_RISE("r3", "r5", "r6", "r7")
        "ldmia r4!, {r5}\n"
        "adds r0, r5\n"
        "adds r1, r5\n"
        "adds r2, r5\n"
        "adds r3, r5\n"
        "lsrs r0, #24\n"
        "lsrs r1, #24\n"
        "lsrs r2, #24\n"
        "lsrs r3, #24\n"
        "add r7, sp, #8\n"
        "ldmia r7!, {r5}\n"
        "ldr r6, [r7, #8]\n"
        "strb r3, [r5, r6]\n"
        "ldr r6, [r7, #4]\n"
        "strb r2, [r5, r6]\n"
        "ldr r6, [r7]\n"
        "strb r1, [r5, r6]\n"
        "strb r0, [r5]\n"
        "4:\n"
        "mov r9, r4\n"
        "adds r5, #1\n"
        "str r5, [sp, #8]\n"
        "ldr r5, [sp, #4]\n"
        "cmp r4, r5\n"
        "beq 5f\n"
        "b 1b\n"
        "3:\n"
        "ldr r7, [sp, #24]\n"
        "stmia r7!, {r0, r1, r2, r3}\n"
        "str r7, [sp, #24]\n"
        "adds r4, #12\n"
        "ldr r5, [sp, #8]\n"
        "b 4b\n"
        "5:\n"
        "pop {r0, r1, r2, r3, r4, r5, r6, r7}\n"
        : "+r"(skipped), "+r"(last), "+r"(first), "+r"(second), "+r"(third), "+r"(fourth), "+r"(to),
        "+r"(begin), "+r"(from), "+r"(end)
        :
        : "r10", "r11", "lr", "cc", "memory");
    /* clang-format on */
}

#else

static inline void edgeq_pair_channels(const int32_t *x, const int32_t *filters, int32_t groups,
    int32_t channels, int8_t *const *outputs, int32_t *sums)
{
    for (int32_t c = 0; c < channels; c++) {
        const int32_t *stage = filters + edgeq_words_of_groups(groups);
        struct edgeq_four_sums four = edgeq_sum_groups(x, filters, groups, stage[EDGEQ_RAMP_BIAS]);
        if (edgeq_has_ramp(stage)) {
            outputs[3][c] = edgeq_ramp(four.sum3, stage);
            outputs[2][c] = edgeq_ramp(four.sum2, stage);
            outputs[1][c] = edgeq_ramp(four.sum1, stage);
            outputs[0][c] = edgeq_ramp(four.sum0, stage);
        } else {
            *sums++ = four.sum0;
            *sums++ = four.sum1;
            *sums++ = four.sum2;
            *sums++ = four.sum3;
        }
        filters = stage + EDGEQ_RAMP_WORDS;
    }
}

#endif
#endif
