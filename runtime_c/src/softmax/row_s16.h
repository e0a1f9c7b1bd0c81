/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_SOFTMAX_ROW_S16_H
#define EDGEQ_SOFTMAX_ROW_S16_H

#include <stdint.h>

static inline int32_t edgeq_row_max_s16(const int16_t *row, int32_t depth)
{
    int32_t max = row[0];
    for (int32_t i = 1; i < depth; i++) {
        max = row[i] > max ? row[i] : max;
    }
    return max;
}

#endif
