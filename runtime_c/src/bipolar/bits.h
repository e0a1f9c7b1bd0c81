/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_BIPOLAR_BITS_H
#define EDGEQ_BIPOLAR_BITS_H

/* Bits in words, the first in the lowest bit of the first word. */

#include <stdint.h>

enum { EDGEQ_WORD_BITS = 32 };

static inline int32_t edgeq_words_of(int32_t bits)
{
    return (bits + EDGEQ_WORD_BITS - 1) / EDGEQ_WORD_BITS;
}

/* Bits that are written one after the other. */
struct edgeq_bit_writer {
    uint32_t *to;
    uint32_t word;
    uint32_t next;
};

static inline struct edgeq_bit_writer edgeq_write_bits(uint32_t *to)
{
    return (struct edgeq_bit_writer){to, 0, 1};
}

static inline void edgeq_write_bit(struct edgeq_bit_writer *writer, int bit)
{
    if (bit) {
        writer->word |= writer->next;
    }
    writer->next <<= 1;
    if (writer->next == 0) {
        *writer->to++ = writer->word;
        writer->word = 0;
        writer->next = 1;
    }
}

/* Behind the last bit. */
static inline void edgeq_end_bits(const struct edgeq_bit_writer *writer)
{
    if (writer->next != 1) {
        *writer->to = writer->word;
    }
}

#endif
