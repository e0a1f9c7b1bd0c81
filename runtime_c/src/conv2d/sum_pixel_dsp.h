/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_SUM_PIXEL_DSP_H
#define EDGEQ_CONV2D_SUM_PIXEL_DSP_H

#include "isa/sums.h"

/* The inputs of a pixel are every second word; what stands behind an odd number of them is no
 * input. */
static EDGEQ_OUT_OF_LINE void edgeq_sum_pixel(int32_t *x, int32_t taps, int32_t sums)
{
    if ((taps & 1) != 0) {
        x[taps - 1] &= 0xFFFF;
    }
    edgeq_append_sums(x, (taps + 1) / 2, 2, sums);
}

#endif
