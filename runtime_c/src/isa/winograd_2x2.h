/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_WINOGRAD_2X2_H
#define EDGEQ_ISA_WINOGRAD_2X2_H

/* The transformation of inputs of F(2x2, 3x3), by polynomials at 1, -1, 0 and infinity, in this
 * order; the matrices stand in edgeq/kernels/winograd.py. In assembly because loads in a row are
 * faster than others. */

#include "isa/dsp.h"

enum {
    EDGEQ_TILE = 2,
    EDGEQ_SIDE = 4,
    EDGEQ_COLUMNS = 6 /* that two neighbouring tiles are made of */
};

/* For isa/products_2x4.h. */
#define EDGEQ_PLANE 16
#define EDGEQ_CHAIN 2

/* The first result for a column of inputs that are all the same; the others are 0. */
static inline int32_t edgeq_transform_constant(int32_t input)
{
    return (int32_t)(0x10001u * (uint16_t)(2 * input));
}

#if EDGEQ_DSP

/* So many columns of four channels of inputs, transformed: those of channels 0 and 2, and behind
 * EDGEQ_COLUMNS those of channels 1 and 3. */
static inline void edgeq_transform_columns(
    const int8_t *pixel, int32_t row_bytes, int32_t pixel_bytes, int32_t *columns, int32_t count)
{
    int32_t *columns_end = columns + count * EDGEQ_SIDE;
    register const int8_t *from __asm__("r0") = pixel;
    register int32_t row __asm__("r1") = row_bytes;
    register int32_t step __asm__("r2") = pixel_bytes;
    register int32_t *to __asm__("r3") = columns;
    register int32_t *end __asm__("r4") = columns_end;
    __asm__ volatile(".macro edgeq_column at, a, b, c, d\n"
                     "ssub16 \\a, \\a, \\c\n"
                     "ssub16 \\d, \\d, \\b\n"
                     "str \\a, [r3, #\\at + 8]\n"
                     "str \\d, [r3, #\\at + 12]\n"
                     "sadd16 \\a, \\b, \\c\n"
                     "ssub16 \\b, \\c, \\b\n"
                     "str \\a, [r3, #\\at]\n"
                     "str \\b, [r3, #\\at + 4]\n"
                     ".endm\n"
                     "1:\n"
                     "add r12, r0, r1\n"
                     "ldr r5, [r0]\n"
                     "ldr r6, [r0, r1]\n"
                     "ldr r8, [r0, r1, lsl #1]\n"
                     "ldr r9, [r12, r1, lsl #1]\n"
                     "sxtb16 r10, r5\n"
                     "sxtb16 r11, r6\n"
                     "sxtb16 r12, r8\n"
                     "sxtb16 lr, r9\n"
                     "edgeq_column 0, r10, r11, r12, lr\n"
                     "sxtb16 r5, r5, ror #8\n"
                     "sxtb16 r6, r6, ror #8\n"
                     "sxtb16 r8, r8, ror #8\n"
                     "sxtb16 r9, r9, ror #8\n"
                     "edgeq_column 96, r5, r6, r8, r9\n"
                     "adds r3, #16\n"
                     "add r0, r2\n"
                     "cmp r3, r4\n"
                     "bne 1b\n"
                     ".purgem edgeq_column\n"
        : "+r"(from), "+r"(to)
        : "r"(row), "r"(step), "r"(end)
        : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

/* Two tiles from their transformed columns, each to a plane. */
static inline void edgeq_transform_rows(const int32_t *columns, int32_t *planes)
{
    const int32_t *end = columns + EDGEQ_SIDE;
    int32_t a, b, c, d, e, f, s, t;
    __asm__ volatile("1:\n"
                     "ldr %[b], [%[from], #16]\n"
                     "ldr %[c], [%[from], #32]\n"
                     "ldr %[d], [%[from], #48]\n"
                     "ldr %[e], [%[from], #64]\n"
                     "ldr %[f], [%[from], #80]\n"
                     "ldr %[a], [%[from]], #4\n"
                     "sadd16 %[s], %[b], %[c]\n"
                     "ssub16 %[t], %[c], %[b]\n"
                     "ssub16 %[a], %[a], %[c]\n"
                     "ssub16 %[b], %[d], %[b]\n"
                     "str %[t], [%[to], #16]\n"
                     "str %[a], [%[to], #32]\n"
                     "str %[b], [%[to], #48]\n"
                     "sadd16 %[a], %[d], %[e]\n"
                     "ssub16 %[b], %[e], %[d]\n"
                     "ssub16 %[c], %[c], %[e]\n"
                     "ssub16 %[d], %[f], %[d]\n"
                     "str %[a], [%[to], #64]\n"
                     "str %[b], [%[to], #80]\n"
                     "str %[c], [%[to], #96]\n"
                     "str %[d], [%[to], #112]\n"
                     "str %[s], [%[to]], #4\n"
                     "cmp %[from], %[end]\n"
                     "bne 1b\n"
        : [from] "+r"(columns), [to] "+r"(planes), [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c),
        [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f), [s] "=&r"(s), [t] "=&r"(t)
        : [end] "r"(end)
        : "cc", "memory");
}

#else

struct edgeq_four {
    int32_t at[EDGEQ_SIDE];
};

/* Sums or differences of halfwords. */
static inline int32_t edgeq_halves(int32_t a, int32_t b, int32_t sign)
{
    uint32_t low = (uint32_t)((int16_t)a + sign * (int16_t)b);
    uint32_t high = (uint32_t)((a >> 16) + sign * (b >> 16));
    return (int32_t)((low & 0xFFFFu) | (high << 16));
}

static inline struct edgeq_four edgeq_transform_inputs(struct edgeq_four x)
{
    struct edgeq_four t = {{edgeq_halves(x.at[1], x.at[2], 1), edgeq_halves(x.at[2], x.at[1], -1),
        edgeq_halves(x.at[0], x.at[2], -1), edgeq_halves(x.at[3], x.at[1], -1)}};
    return t;
}

static inline void edgeq_transform_columns(
    const int8_t *pixel, int32_t row_bytes, int32_t pixel_bytes, int32_t *columns, int32_t count)
{
    for (; count > 0; count--, pixel += pixel_bytes, columns += EDGEQ_SIDE) {
        struct edgeq_four even, odd;
        for (int32_t y = 0; y < EDGEQ_SIDE; y++) {
            int32_t word = edgeq_load_word(pixel + y * row_bytes);
            even.at[y] = edgeq_sxtb16(word);
            odd.at[y] = edgeq_sxtb16_odd(word);
        }
        even = edgeq_transform_inputs(even);
        odd = edgeq_transform_inputs(odd);
        memcpy(columns, even.at, sizeof even.at);
        memcpy(columns + EDGEQ_COLUMNS * EDGEQ_SIDE, odd.at, sizeof odd.at);
    }
}

static inline void edgeq_transform_rows(const int32_t *columns, int32_t *planes)
{
    for (int32_t i = 0; i < 2 * EDGEQ_SIDE; i++) {
        const int32_t *row = columns + i / EDGEQ_SIDE * EDGEQ_TILE * EDGEQ_SIDE + i % EDGEQ_SIDE;
        int32_t *plane = planes + i / EDGEQ_SIDE * EDGEQ_PLANE + i % EDGEQ_SIDE;
        struct edgeq_four four = {{row[0], row[4], row[8], row[12]}};
        four = edgeq_transform_inputs(four);
        for (int32_t x = 0; x < EDGEQ_SIDE; x++) {
            plane[x * EDGEQ_SIDE] = four.at[x];
        }
    }
}

#endif

#endif
