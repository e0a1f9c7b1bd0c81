/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_PAIR_COLUMNS_3X3_H
#define EDGEQ_ISA_PAIR_COLUMNS_3X3_H

/* The inner loop of 3x3 depthwise convolutions. */

#include "isa/pair_columns.h"
#include "isa/thumb.h"

#if EDGEQ_THUMB

/* One or two products of pairs in `sum`: to both sums, r8, and to that of the second elements. */
#define EDGEQ_SPLIT(sum)                                                                           \
    "add r8, " sum "\n"                                                                            \
    "asrs " sum ", #16\n"                                                                          \
    "adcs r0, " sum "\n"

/* Nine taps of two outputs. */
/* clang-format off */
#define EDGEQ_TAPS_3X3                                                                             \
    "ldmia r3!, {r1, r4, r5}\n"                                                                    \
    "ldmia r2!, {r6, r7}\n"                                                                        \
    "muls r1, r6\n"                                                                                \
    "muls r4, r7\n"                                                                                \
    "adds r1, r4\n"                                                                                \
    EDGEQ_SPLIT("r1")                                                                              \
    "ldmia r2!, {r6, r7}\n"                                                                        \
    "muls r5, r6\n"                                                                                \
    "add r3, r10\n"                                                                                \
    "ldmia r3!, {r1, r4, r6}\n"                                                                    \
    "muls r1, r7\n"                                                                                \
    "adds r5, r1\n"                                                                                \
    EDGEQ_SPLIT("r5")                                                                              \
    "ldmia r2!, {r5, r7}\n"                                                                        \
    "muls r4, r5\n"                                                                                \
    "muls r6, r7\n"                                                                                \
    "adds r4, r6\n"                                                                                \
    EDGEQ_SPLIT("r4")                                                                              \
    "add r3, r10\n"                                                                                \
    "ldmia r3!, {r1, r4, r5}\n"                                                                    \
    "ldmia r2!, {r6, r7}\n"                                                                        \
    "muls r1, r6\n"                                                                                \
    "muls r4, r7\n"                                                                                \
    "adds r1, r4\n"                                                                                \
    EDGEQ_SPLIT("r1")                                                                              \
    "ldmia r2!, {r6}\n"                                                                            \
    "muls r5, r6\n"                                                                                \
    EDGEQ_SPLIT("r5")
/* clang-format on */

/* edgeq_pair_columns for windows of three lines and three columns. */
static inline void edgeq_pair_columns_3x3(
    const struct edgeq_columns *columns, int32_t lines, int32_t count)
{
    const struct edgeq_columns *p = columns;
    /* What the loops need less often lies on the stack, in this order. */
    int32_t rest[] = {(int32_t)(p->x + p->line * lines), p->apart, p->out_line,
        4 * (p->column - p->line * lines), 4 * p->column, p->out_column - p->out_line * lines,
        count, (int32_t)p->sums};
    register int32_t *at __asm__("r0") = rest;
    register int8_t *first __asm__("r2") = p->out;
    register const int32_t *from __asm__("r3") = p->x;
    register const int32_t *taps __asm__("r9") = p->taps;
    register int32_t next_column __asm__("r10") = 4 * p->depth - 12;
    register int32_t back __asm__("r11") = 4 * p->line - 8 * p->depth - 12;
    register const int32_t *stage __asm__("r12") = p->stage;
    /* clang-format off */
    __asm__ volatile(
        ".syntax unified\n"
        "push {r7}\n"
        "mov lr, r2\n"
        "push {r0}\n"
        "1:\n"
        "mov r2, r9\n"
        "movs r0, #0\n"
        "mov r8, r0\n"
        EDGEQ_TAPS_3X3
        "lsls r4, r0, #16\n"
        "mov r1, r8\n"
        "subs r1, r4\n"
        "mov r6, r12\n"
        "ldmia r6!, {r4, r5}\n"
        "adds r0, r4\n"
        "adds r1, r4\n"
        "cmp r5, #0\n"
        "blt 3f\n"
        EDGEQ_CLAMP("r0", "r5", "r4")
        EDGEQ_CLAMP("r1", "r5", "r4")
        "ldmia r6!, {r4, r5}\n"
        EDGEQ_RISE("r0", "r4", "r5", "r7")
        EDGEQ_RISE("r1", "r4", "r5", "r7")
        "ldmia r6!, {r4}\n"
        "adds r0, r4\n"
        "adds r1, r4\n"
        "lsrs r0, #24\n"
        "lsrs r1, #24\n"
        "ldr r7, [sp]\n"
        "mov r4, lr\n"
        "ldr r5, [r7, #4]\n"
        "strb r0, [r4, r5]\n"
        "strb r1, [r4]\n"
        "4:\n"
        "ldr r5, [r7, #8]\n"
        "add lr, r5\n"
        "add r3, r11\n"
        "ldr r5, [r7]\n"
        "cmp r3, r5\n"
        "bne 1b\n"
        "ldr r5, [r7, #12]\n"
        "adds r3, r5\n"
        "ldr r5, [r7, #16]\n"
        "ldr r6, [r7]\n"
        "adds r6, r5\n"
        "str r6, [r7]\n"
        "ldr r5, [r7, #20]\n"
        "add lr, r5\n"
        "ldr r5, [r7, #24]\n"
        "subs r5, #1\n"
        "str r5, [r7, #24]\n"
        "bne 1b\n"
        "b 7f\n"
        "3:\n"
        "ldr r7, [sp]\n"
        "ldr r5, [r7, #28]\n"
        "str r1, [r5]\n"
        "str r0, [r5, #4]\n"
        "adds r5, #8\n"
        "str r5, [r7, #28]\n"
        "b 4b\n"
        "7:\n"
        "pop {r0, r7}\n"
        : "+r"(at), "+r"(first), "+r"(from), "+r"(taps), "+r"(next_column), "+r"(back), "+r"(stage)
        :
        : "r1", "r4", "r5", "r6", "r8", "lr", "cc", "memory");
    /* clang-format on */
}

#else

static inline void edgeq_pair_columns_3x3(
    const struct edgeq_columns *columns, int32_t lines, int32_t count)
{
    struct edgeq_columns p = *columns;
    const int32_t *w = p.taps;
    for (; count > 0; count--, p.x += p.column, p.out += p.out_column) {
        const int32_t *x = p.x;
        for (int32_t i = 0; i < lines; i++, x += p.line) {
            const int32_t *y = x + p.depth;
            const int32_t *z = y + p.depth;
            struct edgeq_pair_sums sums = {0, 0};
            edgeq_add_products(
                &sums, edgeq_scaled_pair(x[0], w[0]) + edgeq_scaled_pair(x[1], w[1]));
            edgeq_add_products(
                &sums, edgeq_scaled_pair(x[2], w[2]) + edgeq_scaled_pair(y[0], w[3]));
            edgeq_add_products(
                &sums, edgeq_scaled_pair(y[1], w[4]) + edgeq_scaled_pair(y[2], w[5]));
            edgeq_add_products(
                &sums, edgeq_scaled_pair(z[0], w[6]) + edgeq_scaled_pair(z[1], w[7]));
            edgeq_add_products(&sums, edgeq_scaled_pair(z[2], w[8]));
            edgeq_finish_window(&p, sums, i);
        }
    }
}

#endif
#endif
