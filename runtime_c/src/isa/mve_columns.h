/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_MVE_COLUMNS_H
#define EDGEQ_ISA_MVE_COLUMNS_H

/* Depthwise convolutions for Arm's MVE, made products of vectors: where four rows of an image are
 * stored as words of four bytes, one below the other, a vector of four words beside each other
 * holds a window of a channel of up to 4x4, and one VMLADAV makes its sum. A gather loads the
 * vector, as the words of a channel are as far apart as there are channels.
 *
 * Packed weights have 4 bits, EDGEQ_NIBBLES_BYTES where others have EDGEQ_COLUMN_TAPS, and just
 * once per window: what follows from its place is done when they are loaded. */

#include "isa/mve_bytes.h"
#include "isa/mve_dot.h"
#include "isa/mve_nibbles.h"
#include "isa/mve_stage.h"

#include <stdint.h>

enum { EDGEQ_COLUMN_ROWS = 4, EDGEQ_COLUMN_TAPS = 16 };

/* `count` words of the bytes of four rows. Up to 60 bytes behind them are written, too. */
static inline void edgeq_mve_interleave(
    int8_t *to, const int8_t *const rows[EDGEQ_COLUMN_ROWS], int32_t count)
{
#if defined(__ARM_FEATURE_MVE)
    const int8_t *row0 = rows[0];
    const int8_t *row1 = rows[1];
    const int8_t *row2 = rows[2];
    const int8_t *row3 = rows[3];
    int32_t rest = count & 15;
    __asm__ volatile("wls lr, %[whole], 2f\n"
                     "1: vldrb.8 q0, [%[row0]], #16\n"
                     "vldrb.8 q1, [%[row1]], #16\n"
                     "vldrb.8 q2, [%[row2]], #16\n"
                     "vldrb.8 q3, [%[row3]], #16\n"
                     "vst40.8 {q0, q1, q2, q3}, [%[to]]\n"
                     "vst41.8 {q0, q1, q2, q3}, [%[to]]\n"
                     "vst42.8 {q0, q1, q2, q3}, [%[to]]\n"
                     "vst43.8 {q0, q1, q2, q3}, [%[to]]!\n"
                     "le lr, 1b\n"
                     "2: cmp %[rest], #0\n"
                     "beq 3f\n"
                     "vctp.8 %[rest]\n"
                     "vpstttt\n"
                     "vldrbt.8 q0, [%[row0]]\n"
                     "vldrbt.8 q1, [%[row1]]\n"
                     "vldrbt.8 q2, [%[row2]]\n"
                     "vldrbt.8 q3, [%[row3]]\n"
                     "vst40.8 {q0, q1, q2, q3}, [%[to]]\n"
                     "vst41.8 {q0, q1, q2, q3}, [%[to]]\n"
                     "vst42.8 {q0, q1, q2, q3}, [%[to]]\n"
                     "vst43.8 {q0, q1, q2, q3}, [%[to]]\n"
                     "3:\n"
        : [to] "+r"(to), [row0] "+r"(row0), [row1] "+r"(row1), [row2] "+r"(row2), [row3] "+r"(row3)
        : [whole] "r"(count >> 4), [rest] "r"(rest)
        : "lr", "q0", "q1", "q2", "q3", EDGEQ_VPR, "cc", "memory");
#else
    for (int32_t i = 0; i < count; i++) {
        for (int32_t row = 0; row < EDGEQ_COLUMN_ROWS; row++) {
            *to++ = rows[row][i];
        }
    }
#endif
}

/* Two rows of outputs of windows of up to 3x3 with stride 1: four outputs are made of a vector,
 * each with its own place in the window. In the order in which the code below loads it; steps are
 * bytes. `weights` has 4 times EDGEQ_COLUMN_TAPS per channel, for the outputs in the order of
 * `scatter`. */
struct edgeq_mve_blocks {
    const int8_t *words;
    int8_t *output;
    const int32_t *stages;
    int32_t pairs; /* of columns, at least one */
    int32_t odd;   /* whether there is one more */
    const int8_t *weights_end;
    const int8_t *weights;
    int32_t two_pixels; /* of the output; the words of a pixel take 4 times as much */
    int32_t output_offset;
    int32_t gather[4];  /* from the first word of a vector */
    int32_t scatter[4]; /* from the first output of a block */
};

/* A row of outputs of windows of one vector, likewise. `weights` has EDGEQ_COLUMN_TAPS per channel,
 * `weights_step` from each other. */
struct edgeq_mve_line {
    const int8_t *words;
    int8_t *output;
    const int32_t *stages;
    int32_t fours; /* of pixels */
    int32_t rest;  /* of pixels */
    const int8_t *weights;
    int32_t weights_step;
    int32_t channels;
    int32_t pixel_step; /* of the words, from window to window */
    int32_t output_offset;
    int32_t four_pixels; /* of the output */
    int32_t gather[4];
    int32_t scatter[4];
};

/* A row of outputs of larger windows, of more_words + 1 vectors; `places` are those behind the
 * first, from its own place. */
struct edgeq_mve_long_line {
    const int8_t *words;
    int8_t *output;
    const int32_t *stages;
    const int8_t *weights;
    const int32_t *places;
    const int8_t *more_weights; /* set by the function itself */
    int32_t output_offset;
    int32_t four_pixels;
    int32_t more_words;
    int32_t pixels;
    int32_t weights_step;
    int32_t channels;
    int32_t pixel_step;
    int32_t gather[4];
    int32_t scatter[4];
};

#if defined(EDGEQ_MVE_ASSEMBLY)

#include "isa/mve_columns_loops.h"

#else

/* The products of a vector of words and one of weights. */
static inline int32_t edgeq_add_window(
    int32_t sum, const int8_t *words, const int32_t gather[4], const int8_t *weights, int packed)
{
    int8_t bytes[EDGEQ_COLUMN_TAPS];
    if (packed) {
        edgeq_mve_widen(bytes, weights);
        return edgeq_mve_dot_words(sum, words, gather, bytes);
    }
    return edgeq_mve_dot_words(sum, words, gather, weights);
}

/* The weights of a channel at the four places; where they are packed, they are put there. */
static inline const int8_t *edgeq_places(const struct edgeq_mve_blocks *b, int32_t channel,
    int8_t places[4][EDGEQ_COLUMN_TAPS], int packed)
{
    if (!packed) {
        return b->weights + channel * 4 * EDGEQ_COLUMN_TAPS;
    }
    edgeq_mve_widen(places[0], b->weights + channel * EDGEQ_NIBBLES_BYTES);
    for (int32_t i = 0; i < EDGEQ_COLUMN_TAPS; i++) {
        int32_t column = i / EDGEQ_COLUMN_ROWS;
        int32_t row = i % EDGEQ_COLUMN_ROWS;
        places[1][i] = column > 0 ? places[0][i - EDGEQ_COLUMN_ROWS] : 0;
        places[2][i] = row > 0 ? places[0][i - 1] : 0;
        places[3][i] = column > 0 && row > 0 ? places[0][i - EDGEQ_COLUMN_ROWS - 1] : 0;
    }
    return places[0];
}

static inline void edgeq_run_blocks(const struct edgeq_mve_blocks *b, int packed)
{
    int32_t channel_bytes = packed ? EDGEQ_NIBBLES_BYTES : 4 * EDGEQ_COLUMN_TAPS;
    int32_t channels = (int32_t)(b->weights_end - b->weights) / channel_bytes;
    int32_t pixel = b->two_pixels / 2;
    for (int32_t c = 0; c < channels; c++) {
        int8_t places[4][EDGEQ_COLUMN_TAPS];
        const int8_t *weights = edgeq_places(b, c, places, packed);
        for (int32_t i = 0; i < b->pairs + b->odd; i++) {
            int32_t x = i < b->pairs ? 2 * i : 2 * i - 1;
            const int8_t *words = b->words + (x * pixel + c) * EDGEQ_COLUMN_ROWS;
            for (int32_t place = 0; place < 4; place++) {
                b->output[x * pixel + c + b->scatter[place]] = edgeq_mve_stage_s8(
                    b->stages + c * EDGEQ_MVE_WORDS,
                    edgeq_mve_dot_words(0, words, b->gather, weights + place * EDGEQ_COLUMN_TAPS),
                    b->output_offset);
            }
        }
    }
}

static inline void edgeq_run_line(const struct edgeq_mve_line *l, int packed)
{
    for (int32_t c = 0; c < l->channels; c++) {
        const int8_t *weights = l->weights + c * l->weights_step;
        for (int32_t x = 0; x < 4 * l->fours + l->rest; x++) {
            const int8_t *words = l->words + x * l->pixel_step + c * EDGEQ_COLUMN_ROWS;
            l->output[x * (l->four_pixels / 4) + c] =
                edgeq_mve_stage_s8(l->stages + c * EDGEQ_MVE_WORDS,
                    edgeq_add_window(0, words, l->gather, weights, packed), l->output_offset);
        }
    }
}

static inline void edgeq_run_long_line(const struct edgeq_mve_long_line *l, int packed)
{
    int32_t vector = packed ? EDGEQ_NIBBLES_BYTES : EDGEQ_COLUMN_TAPS;
    for (int32_t c = 0; c < l->channels; c++) {
        const int8_t *weights = l->weights + c * l->weights_step;
        for (int32_t x = 0; x < l->pixels; x++) {
            const int8_t *words = l->words + x * l->pixel_step + c * EDGEQ_COLUMN_ROWS;
            int32_t sum = edgeq_add_window(0, words, l->gather, weights, packed);
            for (int32_t i = 0; i < l->more_words; i++) {
                sum = edgeq_add_window(
                    sum, words + l->places[i], l->gather, weights + (i + 1) * vector, packed);
            }
            l->output[x * (l->four_pixels / 4) + c] =
                edgeq_mve_stage_s8(l->stages + c * EDGEQ_MVE_WORDS, sum, l->output_offset);
        }
    }
}

static inline void edgeq_mve_run_blocks(const struct edgeq_mve_blocks *blocks)
{
    edgeq_run_blocks(blocks, 0);
}

static inline void edgeq_mve_run_packed_blocks(const struct edgeq_mve_blocks *blocks)
{
    edgeq_run_blocks(blocks, 1);
}

static inline void edgeq_mve_run_line(const struct edgeq_mve_line *line)
{
    edgeq_run_line(line, 0);
}

static inline void edgeq_mve_run_packed_line(const struct edgeq_mve_line *line)
{
    edgeq_run_line(line, 1);
}

static inline void edgeq_mve_run_long_line(const struct edgeq_mve_long_line *line)
{
    edgeq_run_long_line(line, 0);
}

static inline void edgeq_mve_run_packed_long_line(const struct edgeq_mve_long_line *line)
{
    edgeq_run_long_line(line, 1);
}

#endif

#endif
