/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_PAIR_ROWS_H
#define EDGEQ_ISA_PAIR_ROWS_H

/* The inner loop of dense layers. */

#include "isa/swar.h"
#include "isa/thumb.h"

#if EDGEQ_THUMB

/* Four elements times the weights of one output, 14 cycles. */
#define EDGEQ_ROW(sum)                                                                             \
    "ldmia r3!, {r5}\n"                                                                            \
    "mov r4, r8\n"                                                                                 \
    "ands r4, r5\n"                                                                                \
    "subs r5, r4\n"                                                                                \
    "asrs r5, #8\n"                                                                                \
    "subs r5, #128\n"                                                                              \
    "add r4, r9\n"                                                                                 \
    "muls r4, r6\n"                                                                                \
    "asrs r4, #16\n"                                                                               \
    "adcs " sum ", r4\n"                                                                           \
    "muls r5, r7\n"                                                                                \
    "asrs r5, #16\n"                                                                               \
    "adcs " sum ", r5\n"

#define EDGEQ_ROWS "ldmia r2!, {r6, r7}\n" EDGEQ_ROW("r0") EDGEQ_ROW("r1")
#define EDGEQ_ROWS_BYTES 54

/* One row of inputs, in `x` an even and an odd pair for each group of four, times the weights of
 * so many outputs, two at a time: a word of either for each group. Adds to a sum for each, and to
 * one more where their number is odd; returns the weights behind the last. */
static inline const int32_t *edgeq_add_rows(
    const int32_t *x, const int32_t *weights, int32_t groups, int32_t outputs, int32_t *sums)
{
    register int32_t skipped __asm__("r0") = (-groups & 3) * EDGEQ_ROWS_BYTES;
    register const int32_t *from __asm__("r3") = weights;
    register const int32_t *end __asm__("r10") = x + 2 * groups;
    register const int32_t *begin __asm__("r12") = x;
    register int32_t *to __asm__("r6") = sums;
    register const int32_t *last __asm__("r1") = sums + ((outputs + 1) & ~1);
    /* clang-format off */
    __asm__ volatile(
        ".syntax unified\n"
        "push {r0, r1, r7}\n"
        EDGEQ_MASKS("r8", "r9")
        "1:\n"
        "mov r11, r6\n"
        "ldmia r6!, {r0, r1}\n"
        "ldr r7, [sp]\n"
        "mov r2, r12\n"
        "add pc, r7\n"
        "nop\n"
        "2:\n"
        EDGEQ_ROWS
        EDGEQ_ROWS
        EDGEQ_ROWS
        EDGEQ_ROWS
        "cmp r2, r10\n"
        "bne 2b\n"
        "mov r6, r11\n"
        "stmia r6!, {r0, r1}\n"
        "ldr r7, [sp, #4]\n"
        "cmp r6, r7\n"
        "bne 1b\n"
        "pop {r0, r1, r7}\n"
        : "+r"(skipped), "+r"(from), "+r"(end), "+r"(begin), "+r"(to), "+r"(last)
        :
        : "r2", "r4", "r5", "r8", "r9", "r11", "cc", "memory");
    /* clang-format on */
    return from;
}

#else

static inline const int32_t *edgeq_add_rows(
    const int32_t *x, const int32_t *weights, int32_t groups, int32_t outputs, int32_t *sums)
{
    for (; outputs > 0; outputs -= 2, sums += 2) {
        int32_t sum0 = sums[0];
        int32_t sum1 = sums[1];
        const int32_t *in = x;
        for (const int32_t *end = weights + 2 * groups; weights < end; weights += 2, in += 2) {
            sum0 += edgeq_pair_dot(in[0], edgeq_even_pair(weights[0]));
            sum0 += edgeq_pair_dot(in[1], edgeq_odd_pair(weights[0]));
            sum1 += edgeq_pair_dot(in[0], edgeq_even_pair(weights[1]));
            sum1 += edgeq_pair_dot(in[1], edgeq_odd_pair(weights[1]));
        }
        sums[0] = sum0;
        sums[1] = sum1;
    }
    return weights;
}

#endif
#endif
