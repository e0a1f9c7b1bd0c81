/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_MVE_PIXELS_H
#define EDGEQ_ISA_MVE_PIXELS_H

/* Channels of many pixels, for Arm's MVE; the pixels are `step` bytes apart. */

#include "isa/mve_bytes.h"

#include <stdint.h>

/* Adds up to eight channels of so many pixels to `sums`. */
static inline void edgeq_mve_add_pixels(
    const int8_t *from, int32_t step, int32_t pixels, int32_t channels, int16_t sums[8])
{
#if defined(__ARM_FEATURE_MVE)
    __asm__ volatile("vldrh.16 q0, [%[sums]]\n"
                     "vctp.16 %[channels]\n"
                     "dls lr, %[pixels]\n"
                     "1: vpst\n"
                     "vldrbt.s16 q1, [%[from]]\n"
                     "add %[from], %[from], %[step]\n"
                     "vadd.i16 q0, q0, q1\n"
                     "le lr, 1b\n"
                     "vstrh.16 q0, [%[sums]]\n"
        : [from] "+l"(from)
        : [step] "r"(step), [pixels] "r"(pixels), [channels] "r"(channels), [sums] "r"(sums)
        : "lr", "q0", "q1", EDGEQ_VPR, "memory");
#else
    for (; pixels > 0; pixels--, from += step) {
        for (int32_t c = 0; c < channels; c++) {
            sums[c] = (int16_t)(sums[c] + from[c]);
        }
    }
#endif
}

/* Up to 16 channels, each with the largest of `largest` and so many pixels. */
static inline void edgeq_mve_largest_of_pixels(
    const int8_t *from, int32_t step, int32_t pixels, int32_t channels, int8_t largest[16])
{
#if defined(__ARM_FEATURE_MVE)
    __asm__ volatile("vldrb.8 q0, [%[largest]]\n"
                     "vctp.8 %[channels]\n"
                     "dls lr, %[pixels]\n"
                     "1: vpst\n"
                     "vldrbt.8 q1, [%[from]]\n"
                     "add %[from], %[from], %[step]\n"
                     "vmax.s8 q0, q0, q1\n"
                     "le lr, 1b\n"
                     "vstrb.8 q0, [%[largest]]\n"
        : [from] "+r"(from)
        : [step] "r"(step), [pixels] "r"(pixels), [channels] "r"(channels), [largest] "r"(largest)
        : "lr", "q0", "q1", EDGEQ_VPR, "memory");
#else
    for (; pixels > 0; pixels--, from += step) {
        for (int32_t c = 0; c < channels; c++) {
            largest[c] = from[c] > largest[c] ? from[c] : largest[c];
        }
    }
#endif
}

#endif
