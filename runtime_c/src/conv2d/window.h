/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_WINDOW_H
#define EDGEQ_CONV2D_WINDOW_H

#include "edgeq/conv2d.h"

#include <stddef.h>

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

/* The bias row that applies at output position (y, x). */
static inline const int32_t *edgeq_conv2d_bias(
    const struct edgeq_conv2d_params *params, int32_t y, int32_t x)
{
    if (params->bias_row == NULL) {
        return params->bias;
    }
    int32_t region = params->bias_row[y] * params->bias_cols + params->bias_col[x];
    return params->bias + region * params->out_c;
}

#endif
