/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_SUMS_H
#define EDGEQ_ISA_SUMS_H

/* Sums of widened inputs, as further inputs: what is the same for all weights of a channel, and
 * does not fit into them, is multiplied with these. */

#include "isa/dsp.h"

/* So many int8 values have a sum that fits a halfword. */
#define EDGEQ_SUMMED_TAPS 256

/* Writes `sums` words behind `words` words that are `step` words apart, with the sum of each
 * EDGEQ_SUMMED_TAPS halfwords in both halves; there may be none left for the last one. */
static EDGEQ_OUT_OF_LINE void edgeq_append_sums(
    int32_t *x, int32_t words, int32_t step, int32_t sums)
{
    const int32_t *from = x;
    int32_t *to = x + words * step;
    for (; sums > 0; sums--, to += step, words -= EDGEQ_SUMMED_TAPS / 2) {
        int32_t count = words < EDGEQ_SUMMED_TAPS / 2 ? words : EDGEQ_SUMMED_TAPS / 2;
        int32_t sum = 0;
        for (; count > 0; count--, from += step) {
            sum = edgeq_smlad(*from, 0x00010001, sum);
        }
        *to = (int32_t)(((uint32_t)sum & 0xFFFFu) * 0x00010001u);
    }
}

#endif
