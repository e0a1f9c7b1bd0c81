/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_PACKED_WEIGHTS_H
#define EDGEQ_PACKED_WEIGHTS_H

#include <stdint.h>

/* A weight of 1 to 4 `bits`; they follow upon each other, the first in the lowest bits of the first
 * byte. A bit is 1 for 1 and 0 for -1; the others are in two's complement. */
static inline int32_t edgeq_packed_weight(const int8_t *weights, int32_t index, int32_t bits)
{
    uint32_t place = (uint32_t)index * (uint32_t)bits;
    uint32_t code = (uint32_t)(uint8_t)weights[place >> 3] >> (place & 7);
    if ((place & 7) + (uint32_t)bits > 8) {
        code |= (uint32_t)(uint8_t)weights[(place >> 3) + 1] << (8 - (place & 7));
    }
    if (bits == 1) {
        return (int32_t)(code & 1u) * 2 - 1;
    }
    uint32_t sign = 1u << (bits - 1);
    return (int32_t)((code & (2 * sign - 1)) ^ sign) - (int32_t)sign;
}

#endif
