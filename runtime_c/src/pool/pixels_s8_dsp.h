/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_POOL_PIXELS_S8_DSP_H
#define EDGEQ_POOL_PIXELS_S8_DSP_H

#include "isa/dsp.h"

enum {
    EDGEQ_QUAD = 4,
    EDGEQ_MOST_PIXELS = 256 /* whose sum is sure to fit 16 bits */
};

/* Adds four channels of `count` pixels, `step` bytes apart, to their sums. */
static inline void edgeq_add_pixels(const int8_t *in, int32_t step, int32_t count, int32_t *sums)
{
    while (count > 0) {
        int32_t part = count < EDGEQ_MOST_PIXELS ? count : EDGEQ_MOST_PIXELS;
        int32_t even = 0;
        int32_t odd = 0;
        for (int32_t i = part; i > 0; i--, in += step) {
            int32_t pixel = edgeq_load_word(in);
            even = edgeq_add_sxtb16(even, pixel);
            odd = edgeq_add_sxtb16_odd(odd, pixel);
        }
        sums[0] += (int16_t)even;
        sums[1] += (int16_t)odd;
        sums[2] += even >> 16;
        sums[3] += odd >> 16;
        count -= part;
    }
}

#endif
