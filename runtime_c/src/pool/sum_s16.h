/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_POOL_SUM_S16_H
#define EDGEQ_POOL_SUM_S16_H

#include "pool/span.h"

/* One channel of one window; `input` points at the channel in the first pixel of the image. */
static inline int32_t edgeq_pool_sum_s16(const int16_t *input, int32_t in_w, int32_t channels,
    struct edgeq_pool_span rows, struct edgeq_pool_span cols)
{
    int32_t acc = 0;
    for (int32_t y = rows.begin; y < rows.end; y++) {
        const int16_t *in = input + (y * in_w + cols.begin) * channels;
        for (int32_t x = cols.begin; x < cols.end; x++, in += channels) {
            acc += *in;
        }
    }
    return acc;
}

#endif
