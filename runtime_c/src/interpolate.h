/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_INTERPOLATE_H
#define EDGEQ_INTERPOLATE_H

#include <stdint.h>

/* The result for an int16 input from a table of those for -32768, -32640 ... 32640, 32768. */
static inline int32_t edgeq_interpolate(const int16_t *table, int32_t x)
{
    int32_t distance = x - INT16_MIN;
    const int16_t *base = table + (distance >> 7);
    return base[0] + (((base[1] - base[0]) * (distance & 127) + 64) >> 7);
}

#endif
