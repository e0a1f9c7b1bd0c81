/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_CONV_NARROW_DSP_H
#define EDGEQ_CONV2D_CONV_NARROW_DSP_H

/* The convolution of conv2d/conv_s8_dsp.h with weights of EDGEQ_WEIGHT_BITS bits, which who
 * includes this file defines. */

#include "isa/narrow_2x4.h"

static inline void edgeq_multiply_pixels(const struct edgeq_rows_2x4 *rows)
{
    edgeq_multiply_2x4(rows);
}

/* The inputs of a pixel are every second word. What stands behind an odd number of them is no
 * input; zeros fill the steps of a word of weights. */
static EDGEQ_OUT_OF_LINE void edgeq_sum_pixel(int32_t *x, int32_t taps, int32_t sums)
{
    if ((taps & 1) != 0) {
        x[taps - 1] &= 0xFFFF;
    }
    edgeq_append_offset(x, (taps + 1) / 2, 2, sums);
}

#include "conv2d/conv_s8_dsp.h"

#endif
