/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ARG_MAX_SEARCH_H
#define EDGEQ_ARG_MAX_SEARCH_H

#include <stdint.h>

/* The index of the first of the largest among `size` elements, `stride` apart. Complementing all
 * bits (flip -1) reverses the order, so that the smallest is found by the same comparison. */
static inline int32_t edgeq_first_max_s8(
    const int8_t *in, int32_t size, int32_t stride, int32_t flip)
{
    int32_t max = in[0] ^ flip;
    int32_t index = 0;
    for (int32_t i = 1; i < size; i++) {
        int32_t value = in[i * stride] ^ flip;
        if (value > max) {
            max = value;
            index = i;
        }
    }
    return index;
}

static inline int32_t edgeq_first_max_s16(
    const int16_t *in, int32_t size, int32_t stride, int32_t flip)
{
    int32_t max = in[0] ^ flip;
    int32_t index = 0;
    for (int32_t i = 1; i < size; i++) {
        int32_t value = in[i * stride] ^ flip;
        if (value > max) {
            max = value;
            index = i;
        }
    }
    return index;
}

#endif
