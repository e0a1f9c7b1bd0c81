/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_TRANSPOSE_CONV2D_PAIRS_H
#define EDGEQ_TRANSPOSE_CONV2D_PAIRS_H

#include <stdint.h>

/* What reaches one output position along one axis: pair i in [begin, end) is kernel tap `tap + i *
 * stride` of input position `position - i`. */
struct edgeq_pairs {
    int32_t position;
    int32_t tap;
    int32_t begin;
    int32_t end;
};

/* `padded` is the output position counted from the first kernel's first tap. */
static inline struct edgeq_pairs edgeq_pairs_at(
    int32_t padded, int32_t size, int32_t taps, int32_t stride)
{
    struct edgeq_pairs pairs = {padded / stride, padded % stride, 0, 0};
    if (pairs.position >= size) {
        pairs.begin = pairs.position - size + 1;
    }
    if (pairs.tap < taps) {
        int32_t in_reach = (taps - 1 - pairs.tap) / stride + 1;
        pairs.end = in_reach <= pairs.position ? in_reach : pairs.position + 1;
    }
    return pairs;
}

#endif
