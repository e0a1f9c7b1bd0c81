/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_DENSE_WIDEN_ROW_DSP_H
#define EDGEQ_DENSE_WIDEN_ROW_DSP_H

#include "isa/dsp.h"

/* Four bytes at a time become the words (0, 2) and (1, 3), as SXTB16 has them. */
static inline void edgeq_widen_row(const int8_t *from, int32_t length, int32_t *to)
{
    for (; length >= 8; length -= 8, from += 8, to += 4) {
        int32_t first = edgeq_load_word(from);
        int32_t second = edgeq_load_word(from + 4);
        to[0] = edgeq_sxtb16(first);
        to[1] = edgeq_sxtb16_odd(first);
        to[2] = edgeq_sxtb16(second);
        to[3] = edgeq_sxtb16_odd(second);
    }
    for (; length > 0; length -= 4, from += 4, to += 2) {
        int8_t last[4] = {0, 0, 0, 0};
        edgeq_copy_bytes(last, from, length < 4 ? length : 4);
        int32_t word = edgeq_load_word(last);
        to[0] = edgeq_sxtb16(word);
        to[1] = edgeq_sxtb16_odd(word);
    }
}

#endif
