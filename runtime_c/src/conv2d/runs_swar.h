/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_RUNS_SWAR_H
#define EDGEQ_CONV2D_RUNS_SWAR_H

/* Elements along an axis of an image, and the padding around it. */

#include "isa/swar.h"

/* `count` elements that are all in the image, or all padding: the same one again and again. */
struct edgeq_run {
    const int8_t *from;
    int32_t step;
    int32_t count;
};

/* What begins at position `at` of an axis of `size` positions, `step` bytes apart. */
static inline struct edgeq_run edgeq_run_of(
    const int8_t *axis, int32_t at, int32_t size, int32_t step, const int8_t *padding)
{
    if (at >= 0 && at < size) {
        return (struct edgeq_run){axis + at * step, step, size - at};
    }
    return (struct edgeq_run){padding, 0, at < 0 && size > 0 ? -at : INT32_MAX};
}

static inline int32_t edgeq_smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t edgeq_smallest(int32_t a, int32_t b, int32_t c)
{
    return edgeq_smaller(edgeq_smaller(a, b), c);
}

#endif
