/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_NARROW_FILTERS_H
#define EDGEQ_CONV2D_NARROW_FILTERS_H

/* The constants of channels whose weights have 4, 2 or 1 bits. The first word of a channel has
 * weights in its lowest bits, an exponent in bits 20 to 23 and the shift of the stage in the
 * highest eight; of 4 bits it has EDGEQ_FIRST_WEIGHTS weights, and another word the others. Bias,
 * multiplier and addend follow. Weights times two to the power of the exponent are what the bias
 * and the stage want the sums to be made of. */

#include "edgeq/conv2d.h"
#include "isa/depthwise_3x3.h"
#include "packed_weights.h"

enum { EDGEQ_FIRST_WEIGHTS = 5, EDGEQ_ROOM_WORDS = EDGEQ_PLANE_CHANNELS * EDGEQ_FILTER_WORDS };

/* Four bits of a word, with their sign. */
static inline int32_t edgeq_nibble(int32_t word, int32_t place)
{
    return (int32_t)((uint32_t)word << (28 - 4 * place)) >> 28;
}

/* One channel; returns where the next one begins. */
static inline const int32_t *edgeq_unpack_filter(const int32_t *from, int32_t bits, int32_t *to)
{
    int32_t scale = 1 << ((from[0] >> 20) & 15);
    int32_t shift = from[0] >> 24;
    int32_t weights[9];
    if (bits == 4) {
        for (int32_t i = 0; i < EDGEQ_FIRST_WEIGHTS; i++) {
            weights[i] = edgeq_nibble(from[0], i) * scale;
        }
        for (int32_t i = 0; i < 9 - EDGEQ_FIRST_WEIGHTS; i++) {
            weights[EDGEQ_FIRST_WEIGHTS + i] = edgeq_nibble(from[1], i) * scale;
        }
        from++;
    } else {
        for (int32_t i = 0; i < 9; i++) {
            weights[i] = edgeq_packed_weight((const int8_t *)from, i, bits) * scale;
        }
    }
    for (int32_t line = 0; line < 3; line++) {
        to[2 * line] = edgeq_lower_halves(weights[3 * line], weights[3 * line + 1]);
        to[2 * line + 1] = edgeq_lower_halves(weights[3 * line + 1], weights[3 * line + 2]);
    }
    to[EDGEQ_FILTER_BIAS] = from[1];
    to[EDGEQ_FILTER_STAGE + EDGEQ_STAGE_MULTIPLIER] = from[2];
    to[EDGEQ_FILTER_STAGE + EDGEQ_STAGE_ADDEND] = from[3];
    to[EDGEQ_FILTER_STAGE + EDGEQ_STAGE_SHIFT] = shift;
    return from + 4;
}

/* Those of a channel and of those behind it, to `room`. */
static inline const int32_t *edgeq_find_filters(
    const struct edgeq_depthwise_3x3_params *p, int32_t channel, int32_t *room)
{
    const int32_t *from = p->filters + channel * (p->weight_bits == 4 ? 5 : 4);
    for (int32_t i = 0; i < EDGEQ_PLANE_CHANNELS; i++) {
        from = edgeq_unpack_filter(from, p->weight_bits, room + i * EDGEQ_FILTER_WORDS);
    }
    return room;
}

#endif
