/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/bipolar.h"

#include "bipolar/bits.h"

/* One more bit, above the others: 0 if the element is below the threshold. */
static inline uint32_t edgeq_shift_in(uint32_t bits, int32_t element, int32_t threshold)
{
    return (bits >> 1) | (~(uint32_t)(element - threshold) & 0x80000000u);
}

/* A whole word; it is written when all have been read. */
static inline uint32_t edgeq_word_of_signs(const int8_t *input, int32_t threshold)
{
    uint32_t bits = 0;
    for (int32_t i = 0; i < EDGEQ_WORD_BITS; i += 4) {
        bits = edgeq_shift_in(bits, input[i], threshold);
        bits = edgeq_shift_in(bits, input[i + 1], threshold);
        bits = edgeq_shift_in(bits, input[i + 2], threshold);
        bits = edgeq_shift_in(bits, input[i + 3], threshold);
    }
    return bits;
}

void edgeq_bipolar_s8(
    const struct edgeq_bipolar_params *params, const int8_t *input, uint32_t *output)
{
    int32_t left = params->count;
    for (; left >= EDGEQ_WORD_BITS; left -= EDGEQ_WORD_BITS, input += EDGEQ_WORD_BITS) {
        *output++ = edgeq_word_of_signs(input, params->threshold);
    }
    if (left > 0) {
        uint32_t bits = 0;
        for (int32_t i = 0; i < left; i++) {
            bits = edgeq_shift_in(bits, input[i], params->threshold);
        }
        *output = bits >> (EDGEQ_WORD_BITS - left);
    }
}
