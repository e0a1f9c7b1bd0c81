/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_BOX_H
#define EDGEQ_BOX_H

/* Walks through all positions of a box of up to EDGEQ_MAX_RANK dimensions, the last one fastest. */

#include <stdint.h>

enum { EDGEQ_MAX_RANK = 8 };

/* Moves `index` to the next position; returns 0 behind the last one. A box without dimensions has
 * one position. */
static inline int edgeq_box_next(int32_t *index, const int32_t *extents, int32_t rank)
{
    for (int32_t d = rank - 1; d >= 0; d--) {
        if (++index[d] < extents[d]) {
            return 1;
        }
        index[d] = 0;
    }
    return 0;
}

/* How far from the first position `index` is. */
static inline int32_t edgeq_box_offset(const int32_t *index, const int32_t *strides, int32_t rank)
{
    int32_t offset = 0;
    for (int32_t d = 0; d < rank; d++) {
        offset += index[d] * strides[d];
    }
    return offset;
}

#endif
