/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_POOL_SPAN_H
#define EDGEQ_POOL_SPAN_H

#include <stdint.h>

/* The pixels [begin, end) of an image axis that a window covers. */
struct edgeq_pool_span {
    int32_t begin;
    int32_t end;
};

static inline struct edgeq_pool_span edgeq_pool_span_of(
    int32_t origin, int32_t size, int32_t window)
{
    struct edgeq_pool_span span = {origin, origin + window};
    if (span.begin < 0) {
        span.begin = 0;
    }
    if (span.end > size) {
        span.end = size;
    }
    return span;
}

#endif
