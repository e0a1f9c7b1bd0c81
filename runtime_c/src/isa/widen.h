/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_WIDEN_H
#define EDGEQ_ISA_WIDEN_H

/* Bytes to halfwords, four at a time: two words, (0, 2) and (1, 3), as SXTB16 has them. */

#include "isa/dsp.h"

/* Where the bytes lie: `count` runs of `length` bytes, with a gap from the end of one to the next;
 * so many words are for the fours of one pixel and the other. */
struct edgeq_runs {
    int32_t count;
    int32_t length;
    int32_t gap;
    int32_t words;
};

static inline struct edgeq_runs edgeq_runs_of(int32_t count, int32_t length, int32_t distance)
{
    const struct edgeq_runs runs = {count, length, distance - length, count * (length & ~3)};
    return runs;
}

/* Widens runs, to every second word from `to` on. What fours leave over becomes halfwords behind
 * them, two of every eight bytes. */
static inline void edgeq_widen_runs(const struct edgeq_runs *runs, const int8_t *from, int32_t *to)
{
    int32_t length = runs->length;
    int32_t left = runs->count;
    uint8_t *half = (uint8_t *)(to + runs->words);
    int32_t step = 2;
#if EDGEQ_DSP
    int32_t times, first, second, even;
#define EDGEQ_WIDEN_8                                                                              \
    "ldr %[first], [%[from]], #4\n"                                                                \
    "ldr %[second], [%[from]], #4\n"                                                               \
    "sxtb16 %[even], %[first]\n"                                                                   \
    "sxtb16 %[first], %[first], ror #8\n"                                                          \
    "str %[even], [%[to]], #8\n"                                                                   \
    "str %[first], [%[to]], #8\n"                                                                  \
    "sxtb16 %[even], %[second]\n"                                                                  \
    "sxtb16 %[second], %[second], ror #8\n"                                                        \
    "str %[even], [%[to]], #8\n"                                                                   \
    "str %[second], [%[to]], #8\n"
    __asm__ volatile("1:\n"
                     "lsrs %[times], %[length], #4\n" /* carry: eight more */
                     "bcc 2f\n" EDGEQ_WIDEN_8 "2:\n"
                     "beq 4f\n"
                     "3:\n" EDGEQ_WIDEN_8 EDGEQ_WIDEN_8 "subs %[times], #1\n"
                     "bne 3b\n"
                     "4:\n"
                     "tst %[length], #4\n"
                     "beq 5f\n"
                     "ldr %[first], [%[from]], #4\n"
                     "sxtb16 %[even], %[first]\n"
                     "sxtb16 %[first], %[first], ror #8\n"
                     "str %[even], [%[to]], #8\n"
                     "str %[first], [%[to]], #8\n"
                     "5:\n"
                     "ands %[times], %[length], #3\n"
                     "beq 7f\n"
                     "6:\n"
                     "ldrsb %[first], [%[from]], #1\n"
                     "strh %[first], [%[half]]\n"
                     "add %[half], %[step]\n"
                     "eor %[step], %[step], #4\n"
                     "subs %[times], #1\n"
                     "bne 6b\n"
                     "7:\n"
                     "add %[from], %[gap]\n"
                     "subs %[left], #1\n"
                     "bne 1b\n"
        : [times] "=&r"(times), [first] "=&r"(first), [second] "=&r"(second), [even] "=&r"(even),
        [from] "+r"(from), [to] "+r"(to), [half] "+r"(half), [step] "+r"(step), [left] "+r"(left)
        : [length] "r"(length), [gap] "r"(runs->gap)
        : "cc", "memory");
#else
    for (; left > 0; left--, from += length + runs->gap) {
        for (int32_t i = 0; i < (length & ~3); i += 4, to += 4) {
            int32_t word = edgeq_load_word(from + i);
            to[0] = edgeq_sxtb16(word);
            to[2] = edgeq_sxtb16_odd(word);
        }
        for (int32_t i = length & ~3; i < length; i++, half += step, step ^= 4) {
            edgeq_store_half(half, from[i]);
        }
    }
#endif
}

#endif
