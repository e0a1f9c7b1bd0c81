/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_WINOGRAD_4X4_H
#define EDGEQ_ISA_WINOGRAD_4X4_H

/* The transformation of inputs of F(4x4, 3x3), by polynomials at 1, -1, 0, 2, -2 and infinity, in
 * this order; the matrices stand in edgeq/kernels/winograd.py. All is modulo 2^32.
 *
 * Two channels of inputs are one integer, the second times 65536, and are added, subtracted and
 * shifted as one. In assembly because loads in a row are faster than others. */

#include "isa/dsp.h"

enum {
    EDGEQ_TILE = 4,
    EDGEQ_SIDE = 6,
    EDGEQ_COLUMNS = 10 /* that two neighbouring tiles are made of */
};

/* For isa/products_2x4.h. */
#define EDGEQ_PLANE 36
#define EDGEQ_CHAIN 3

/* The first result for a column of inputs that are all the same; the others are 0. */
static inline int32_t edgeq_transform_constant(int32_t input)
{
    return -6 * 0x10001 * (input + 128);
}

#if EDGEQ_DSP

/* Inputs \a .. \f become the results at 0, 1, -1, 2 (in \s), -2 and infinity. */
#define EDGEQ_INPUTS_4X4                                                                           \
    ".macro edgeq_inputs a, b, c, d, e, f, s, t\n"                                                 \
    "rsb \\a, \\c, \\a, lsl #2\n"                                                                  \
    "sub \\s, \\e, \\c, lsl #2\n"                                                                  \
    "sub \\t, \\d, \\b, lsl #2\n"                                                                  \
    "sub \\e, \\e, \\c\n"                                                                          \
    "sub \\b, \\d, \\b\n"                                                                          \
    "sub \\f, \\f, \\d, lsl #2\n"                                                                  \
    "add \\a, \\a, \\s\n"                                                                          \
    "add \\c, \\s, \\t\n"                                                                          \
    "sub \\d, \\s, \\t\n"                                                                          \
    "sub \\f, \\f, \\t\n"                                                                          \
    "add \\s, \\e, \\b, lsl #1\n"                                                                  \
    "sub \\e, \\e, \\b, lsl #1\n"                                                                  \
    ".endm\n"

#define EDGEQ_HALF_COLUMN(rotated, at)                                                             \
    "add r12, r0, r1\n"                                                                            \
    "ldr r6, [r0]\n"                                                                               \
    "ldr r7, [r0, r1]\n"                                                                           \
    "ldr r8, [r0, r1, lsl #1]\n"                                                                   \
    "ldr r9, [r12, r1, lsl #1]\n"                                                                  \
    "ldr r10, [r0, r1, lsl #2]\n"                                                                  \
    "ldr r11, [r12, r1, lsl #2]\n"                                                                 \
    "sxtab16 r6, r4, r6" rotated "\n"                                                              \
    "sxtab16 r7, r4, r7" rotated "\n"                                                              \
    "sxtab16 r8, r4, r8" rotated "\n"                                                              \
    "sxtab16 r9, r4, r9" rotated "\n"                                                              \
    "sxtab16 r10, r4, r10" rotated "\n"                                                            \
    "sxtab16 r11, r4, r11" rotated "\n"                                                            \
    "edgeq_inputs r6, r7, r8, r9, r10, r11, r12, lr\n"                                             \
    "str r8, [r3, #" at "]\n"                                                                      \
    "str r9, [r3, #" at " + 4]\n"                                                                  \
    "str r6, [r3, #" at " + 8]\n"                                                                  \
    "str r12, [r3, #" at " + 12]\n"                                                                \
    "str r10, [r3, #" at " + 16]\n"                                                                \
    "str r11, [r3, #" at " + 20]\n"

/* So many columns of four channels of inputs, transformed: those of channels 0 and 2, and behind
 * EDGEQ_COLUMNS those of channels 1 and 3. Inputs are taken as 128 more than they are. */
static inline void edgeq_transform_columns(
    const int8_t *pixel, int32_t row_bytes, int32_t pixel_bytes, int32_t *columns, int32_t count)
{
    int32_t *columns_end = columns + count * EDGEQ_SIDE;
    register const int8_t *from __asm__("r0") = pixel;
    register int32_t row __asm__("r1") = row_bytes;
    register int32_t step __asm__("r2") = pixel_bytes;
    register int32_t *to __asm__("r3") = columns;
    register int32_t offset __asm__("r4") = 0x00800080;
    register int32_t *end __asm__("r5") = columns_end;
    __asm__ volatile("push {r7}\n" EDGEQ_INPUTS_4X4 "1:\n" EDGEQ_HALF_COLUMN("", "0")
            EDGEQ_HALF_COLUMN(", ror #8", "240") "add r3, #24\n"
                                                 "add r0, r2\n"
                                                 "cmp r3, r5\n"
                                                 "bne 1b\n"
                                                 "pop {r7}\n"
                                                 ".purgem edgeq_inputs\n"
        : "+r"(from), "+r"(to)
        : "r"(row), "r"(step), "r"(offset), "r"(end)
        : "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

/* Two tiles from their transformed columns, each to a plane. With 2^15 added the first channel
 * takes nothing from the second; to turn the sign bit over subtracts it again. */
static inline void edgeq_transform_rows(const int32_t *columns, int32_t *planes)
{
    const int32_t *end = columns + 2 * EDGEQ_TILE * EDGEQ_SIDE;
    int32_t a, b, c, d, e, f, s, t;
    __asm__ volatile(EDGEQ_INPUTS_4X4
        "1:\n"
        ".rept 6\n"
        "ldr %[b], [%[from], #24]\n"
        "ldr %[c], [%[from], #48]\n"
        "ldr %[d], [%[from], #72]\n"
        "ldr %[e], [%[from], #96]\n"
        "ldr %[f], [%[from], #120]\n"
        "ldr %[a], [%[from]], #4\n"
        "add %[e], %[e], #0x8000\n"
        "add %[f], %[f], #0x8000\n"
        "edgeq_inputs %[a], %[b], %[c], %[d], %[e], %[f], %[s], %[t]\n"
        "eor %[d], %[d], #0x8000\n"
        "eor %[a], %[a], #0x8000\n"
        "eor %[s], %[s], #0x8000\n"
        "eor %[e], %[e], #0x8000\n"
        "eor %[f], %[f], #0x8000\n"
        "eor %[c], %[c], #0x8000\n"
        "str %[d], [%[to], #24]\n"
        "str %[a], [%[to], #48]\n"
        "str %[s], [%[to], #72]\n"
        "str %[e], [%[to], #96]\n"
        "str %[f], [%[to], #120]\n"
        "str %[c], [%[to]], #4\n"
        ".endr\n"
        "add %[to], #120\n"
        "add %[from], #72\n"
        "cmp %[from], %[end]\n"
        "bne.w 1b\n"
        ".purgem edgeq_inputs\n"
        : [from] "+r"(columns), [to] "+r"(planes), [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c),
        [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f), [s] "=&r"(s), [t] "=&r"(t)
        : [end] "r"(end)
        : "cc", "memory");
}

#else

struct edgeq_six {
    uint32_t at[EDGEQ_SIDE];
};

static inline struct edgeq_six edgeq_transform_inputs(struct edgeq_six x)
{
    uint32_t p = x.at[4] - 4 * x.at[2];
    uint32_t q = x.at[3] - 4 * x.at[1];
    uint32_t r = x.at[4] - x.at[2];
    uint32_t s = 2 * (x.at[3] - x.at[1]);
    struct edgeq_six t = {
        {p + q, p - q, 4 * x.at[0] - x.at[2] + p, r + s, r - s, x.at[5] - 4 * x.at[3] - q}};
    return t;
}

static inline void edgeq_transform_columns(
    const int8_t *pixel, int32_t row_bytes, int32_t pixel_bytes, int32_t *columns, int32_t count)
{
    for (; count > 0; count--, pixel += pixel_bytes, columns += EDGEQ_SIDE) {
        struct edgeq_six even, odd;
        for (int32_t y = 0; y < EDGEQ_SIDE; y++) {
            int32_t word = edgeq_load_word(pixel + y * row_bytes);
            even.at[y] = (uint32_t)edgeq_add_sxtb16(0x00800080, word);
            odd.at[y] = (uint32_t)edgeq_add_sxtb16_odd(0x00800080, word);
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
        struct edgeq_six six;
        for (int32_t x = 0; x < EDGEQ_SIDE; x++) {
            six.at[x] = (uint32_t)row[x * EDGEQ_SIDE] + (x >= EDGEQ_TILE ? 0x8000u : 0);
        }
        six = edgeq_transform_inputs(six);
        for (int32_t x = 0; x < EDGEQ_SIDE; x++) {
            plane[x * EDGEQ_SIDE] = (int32_t)(six.at[x] ^ 0x8000u);
        }
    }
}

#endif

#endif
