/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_BIPOLAR_BIT_RUNS_H
#define EDGEQ_BIPOLAR_BIT_RUNS_H

/* Runs of bits that begin anywhere in words. */

#include "bipolar/bits.h"
#include "out_of_line.h"

/* `count` bits, 1 to 32, from bit number `first` on; no word is read that has none of them. */
static inline uint32_t edgeq_bits_at(const uint32_t *from, int32_t first, int32_t count)
{
    const uint32_t *word = from + (first >> 5);
    int32_t shift = first & 31;
    uint32_t bits = word[0] >> shift;
    if (shift + count > EDGEQ_WORD_BITS) {
        bits |= word[1] << (EDGEQ_WORD_BITS - shift);
    }
    return bits & (UINT32_MAX >> (EDGEQ_WORD_BITS - count));
}

/* Puts `count` bits, 1 to 32, where there are zeros. */
static inline void edgeq_put_bits(uint32_t *to, int32_t first, uint32_t bits, int32_t count)
{
    uint32_t *word = to + (first >> 5);
    int32_t shift = first & 31;
    word[0] |= bits << shift;
    if (shift + count > EDGEQ_WORD_BITS) {
        word[1] |= bits >> (EDGEQ_WORD_BITS - shift);
    }
}

/* Copies `count` bits from bit number `first` on to where there are zeros. */
static EDGEQ_OUT_OF_LINE void edgeq_copy_bits(
    uint32_t *to, int32_t at, const uint32_t *from, int32_t first, int32_t count)
{
    for (; count > 0; count -= EDGEQ_WORD_BITS) {
        int32_t some = count < EDGEQ_WORD_BITS ? count : EDGEQ_WORD_BITS;
        edgeq_put_bits(to, at, edgeq_bits_at(from, first, some), some);
        first += some;
        at += some;
    }
}

static inline void edgeq_clear_words(uint32_t *words, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        words[i] = 0;
    }
}

#endif
