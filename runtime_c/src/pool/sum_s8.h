/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_POOL_SUM_S8_H
#define EDGEQ_POOL_SUM_S8_H

#include "pool/span.h"

enum { EDGEQ_POOL_CHANNELS = 4 };

/* One channel of one window; `input` points at the channel in the first pixel of the image. */
static inline int32_t edgeq_pool_sum_s8(const int8_t *input, int32_t in_w, int32_t channels,
    struct edgeq_pool_span rows, struct edgeq_pool_span cols)
{
    int32_t acc = 0;
    for (int32_t y = rows.begin; y < rows.end; y++) {
        const int8_t *in = input + (y * in_w + cols.begin) * channels;
        for (int32_t x = cols.begin; x < cols.end; x++, in += channels) {
            acc += *in;
        }
    }
    return acc;
}

/* EDGEQ_POOL_CHANNELS neighbouring channels, likewise. */
static inline void edgeq_pool_sums_s8(const int8_t *input, int32_t in_w, int32_t channels,
    struct edgeq_pool_span rows, struct edgeq_pool_span cols, int32_t *sums)
{
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    int32_t sum2 = 0;
    int32_t sum3 = 0;
    for (int32_t y = rows.begin; y < rows.end; y++) {
        const int8_t *in = input + (y * in_w + cols.begin) * channels;
        for (int32_t x = cols.begin; x < cols.end; x++, in += channels) {
            sum0 += in[0];
            sum1 += in[1];
            sum2 += in[2];
            sum3 += in[3];
        }
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

#endif
