/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_WINDOW_H
#define EDGEQ_CONV2D_WINDOW_H

#include <stddef.h>
#include <stdint.h>

/* The taps [begin, end) of a kernel axis that fall on the image, when tap 0 falls on pixel
 * `origin`. */
struct edgeq_taps {
    int32_t begin;
    int32_t end;
};

static inline struct edgeq_taps edgeq_taps_inside(
    int32_t origin, int32_t size, int32_t taps, int32_t dilation)
{
    struct edgeq_taps inside = {0, taps};
    if (origin < 0) {
        inside.begin = (dilation - 1 - origin) / dilation;
    }
    if (origin + (taps - 1) * dilation >= size) {
        inside.end = size > origin ? (size - origin + dilation - 1) / dilation : 0;
    }
    return inside;
}

/* The number of the bias row that applies at output position (y, x). */
static inline int32_t edgeq_bias_region(
    const uint8_t *bias_row, const uint8_t *bias_col, int32_t bias_cols, int32_t y, int32_t x)
{
    return bias_row == NULL ? 0 : bias_row[y] * bias_cols + bias_col[x];
}

/* The first column behind x of another region, or out_w. */
static inline int32_t edgeq_region_end(const uint8_t *bias_col, int32_t x, int32_t out_w)
{
    if (bias_col == NULL) {
        return out_w;
    }
    int32_t end = x + 1;
    while (end < out_w && bias_col[end] == bias_col[x]) {
        end++;
    }
    return end;
}

#endif
