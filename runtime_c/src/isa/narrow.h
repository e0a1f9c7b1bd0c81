/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_NARROW_H
#define EDGEQ_ISA_NARROW_H

/* Weights of EDGEQ_WEIGHT_BITS (1 to 4) bits, which who includes this file defines.
 *
 * A word has eight nibbles, and a halfword those of four channels: the first in the highest. Sums
 * of products with the halfwords are
 *
 *     4096 * first + 256 * second + 16 * third + fourth,
 *
 * modulo 2^32; with the first nibble cleared they are those of three channels, and so on, so that
 * differences of such sums are those of one channel each, as long as they fit: with 20, 24 and 28
 * bits.
 *
 * A nibble is a code, a weight plus 8, 4, 2 or 1, so that it has no sign; the first of 4 bits has
 * one, and is the weight itself. The sum of the inputs times what was added is subtracted at the
 * end. Codes of 2 bits are the lower or upper halves of nibbles; a word has those of two steps.
 * Those of 1 bit, 0 or 2, are the four bits of nibbles, doubled, of as many steps. Codes of 3 bits
 * are the lower bits of the nibbles of three words, which is a round of four steps: the highest
 * bits of the nibbles are the codes of the fourth, from the lowest bit on. */

#include "isa/dsp.h"

#include <stddef.h>

#define EDGEQ_STEPS_OF_ROUND (EDGEQ_WEIGHT_BITS == 3 ? 4 : 4 / EDGEQ_WEIGHT_BITS)
#define EDGEQ_WORDS_OF_ROUND (EDGEQ_WEIGHT_BITS == 3 ? 3 : 1)
#define EDGEQ_CODE_OFFSET (1 << (EDGEQ_WEIGHT_BITS - 1))

/* Writes `more` words behind `words` words of inputs that are `step` words apart: zeros, and the
 * offset. */
static inline void edgeq_append_offset(int32_t *x, int32_t words, int32_t step, int32_t more)
{
    int32_t sum = 0;
    for (; words >= 4; words -= 4, x += 4 * step) {
        int32_t a = x[0];
        int32_t b = x[step];
        int32_t c = x[2 * step];
        int32_t d = x[3 * step]; /* loads in a row take less time */
        sum = edgeq_smlad(a, 0x00010001, sum);
        sum = edgeq_smlad(b, 0x00010001, sum);
        sum = edgeq_smlad(c, 0x00010001, sum);
        sum = edgeq_smlad(d, 0x00010001, sum);
    }
    for (; words > 0; words--, x += step) {
        sum = edgeq_smlad(*x, 0x00010001, sum);
    }
    for (; more > 1; more--, x += step) {
        *x = 0;
    }
    *x = EDGEQ_CODE_OFFSET * sum;
}

#if EDGEQ_DSP

/* Codes, which are lost, times the inputs of a row, to the sums of four channels. */
#define EDGEQ_FOUR_SUMS(w, x, a, b, c, d)                                                          \
    "smlad " a ", " x ", " w ", " a "\n"                                                           \
    "bic " w ", " w ", #0xF000F000\n"                                                              \
    "smlad " b ", " x ", " w ", " b "\n"                                                           \
    "uxtb16 " w ", " w "\n"                                                                        \
    "smlad " c ", " x ", " w ", " c "\n"                                                           \
    "and " w ", " w ", #0x000F000F\n"                                                              \
    "smlad " d ", " x ", " w ", " d "\n"

/* The codes of the fourth step of a round: in r12, from three words behind those read last. */
#define EDGEQ_FOURTH_CODES(first, second, third)                                                   \
    "ldr r12, [lr, #-" first "]\n"                                                                 \
    "ldr r11, [lr, #-" second "]\n"                                                                \
    "and r12, r12, #0x88888888\n"                                                                  \
    "and r11, r11, #0x88888888\n"                                                                  \
    "orr r12, r11, r12, lsr #1\n"                                                                  \
    "ldr r11, [lr, #-" third "]\n"                                                                 \
    "and r11, r11, #0x88888888\n"                                                                  \
    "orr r12, r11, r12, lsr #1\n"                                                                  \
    "lsr r12, r12, #1\n"

/* Sums of all, three, two and one of four channels become those of each; `offset` is the sum of the
 * inputs times what was added to codes. */
#if EDGEQ_WEIGHT_BITS == 4
#define EDGEQ_APART_FIRST(a, offset)
#else
#define EDGEQ_APART_FIRST(a, offset) "sub " a ", " a ", " offset ", lsl #12\n"
#endif
#define EDGEQ_APART(a, b, c, d, offset)                                                            \
    "subs " a ", " a ", " b "\n"                                                                   \
    "subs " b ", " b ", " c "\n"                                                                   \
    "subs " c ", " c ", " d                                                                        \
    "\n" EDGEQ_APART_FIRST(a, offset) "sub " b ", " b ", " offset ", lsl #8\n"                     \
                                      "sub " c ", " c ", " offset ", lsl #4\n"                     \
                                      "sub " d ", " d ", " offset "\n"

#else

/* The codes of one step of a round, whose words are `apart`. */
static inline uint32_t edgeq_codes_of_step(const int32_t *words, ptrdiff_t apart, int32_t step)
{
#if EDGEQ_WEIGHT_BITS == 4
    (void)apart;
    (void)step;
    return (uint32_t)*words;
#elif EDGEQ_WEIGHT_BITS == 3
    uint32_t codes = 0;
    if (step < 3) {
        return (uint32_t)words[step * apart] & 0x77777777u;
    }
    for (int32_t i = 0; i < 3; i++) {
        codes = codes >> 1 | ((uint32_t)words[i * apart] & 0x88888888u);
    }
    return codes >> 1;
#elif EDGEQ_WEIGHT_BITS == 2
    (void)apart;
    return ((uint32_t)*words >> (2 * step)) & 0x33333333u;
#else
    uint32_t w = (uint32_t)*words;
    (void)apart;
    return (step == 0 ? w << 1 : w >> (step - 1)) & 0x22222222u;
#endif
}

/* The sums of four channels, apart: 4096, 256, 16 times the first ones, and the fourth. Inputs and
 * words of weights are so many words apart; at `x_end` stands the offset. */
static inline void edgeq_sums_of_four(const int32_t *x, ptrdiff_t x_step, const int32_t *x_end,
    const int32_t *weights, ptrdiff_t step, const int32_t *bias, int32_t *sums)
{
    static const uint32_t kept[4] = {0xFFFFFFFFu, 0x0FFF0FFFu, 0x00FF00FFu, 0x000F000Fu};
    uint32_t offset = (uint32_t)*x_end;
    for (int32_t i = 0; i < 4; i++) {
        sums[i] = bias[i];
    }
    for (; x < x_end; weights += EDGEQ_WORDS_OF_ROUND * step) {
        for (int32_t k = 0; k < EDGEQ_STEPS_OF_ROUND; k++, x += x_step) {
            uint32_t codes = edgeq_codes_of_step(weights, step, k);
            for (int32_t i = 0; i < 4; i++) {
                sums[i] = edgeq_smlad(*x, (int32_t)(codes & kept[i]), sums[i]);
            }
        }
    }
    for (int32_t i = 0; i < 4; i++) {
        uint32_t others = i < 3 ? (uint32_t)sums[i + 1] : 0;
        uint32_t added = i > 0 || EDGEQ_WEIGHT_BITS < 4 ? offset << (12 - 4 * i) : 0;
        sums[i] = (int32_t)((uint32_t)sums[i] - others - added);
    }
}

#endif

/* Twice a channel's sum, of those of four channels or more, and as much to the left as the stage
 * wants it: the second byte of its shift says by how many bits it is to be shifted, to the left in
 * the last place, to the right in the others. */
static inline int32_t edgeq_twice_of_channel(const int32_t *sums, int32_t channel, int32_t shift)
{
    int32_t bits = shift >> 8;
    return (channel & 3) == 3 ? (int32_t)((uint32_t)sums[channel] << bits) : sums[channel] >> bits;
}

#endif
