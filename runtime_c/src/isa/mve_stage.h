/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_MVE_STAGE_H
#define EDGEQ_ISA_MVE_STAGE_H

/* The output stages of kernels for Arm's MVE. A channel has three words: a bias, a multiplier, and
 * a shift to the left. A sum becomes what edgeq_requantize_sum (rounding.h) makes of it and the
 * bias; then the output's offset is added. Vectors do that where sums are scaled as integers, in
 * kernels that are assembly from the first product to the output; where they are scaled as floats,
 * these kernels are C, and only their products are vectors. */

#include "stage.h"

#include <stdint.h>

enum { EDGEQ_MVE_BIAS, EDGEQ_MVE_MULTIPLIER, EDGEQ_MVE_SHIFT, EDGEQ_MVE_WORDS };

#if defined(__ARM_FEATURE_MVE) && !defined(EDGEQ_STAGE_ROUNDS_FLOATS)
#define EDGEQ_MVE_ASSEMBLY

#if defined(EDGEQ_STAGE_ROUNDS_TWICE)
/* Halves are rounded away from zero if 1 is subtracted from what is negative: VQDMLAH by 1 adds the
 * sign, and VRSHL rounds halves up. Where it shifts by 0, what is negative saturates once the
 * output's offset is added. */
#define EDGEQ_MVE_HIGH                                                                             \
    "vqrdmulh.s32 \\sums, \\sums, \\multiplier\n"                                                  \
    "vqdmlah.s32 \\sums, \\sums, \\one\n"
#else
#define EDGEQ_MVE_HIGH "vqdmulh.s32 \\sums, \\sums, \\multiplier\n"
#endif

/* Assembler macros for four sums in a vector: by the words of a channel in core registers, or by
 * those of four channels in vectors. `one` is a core register that holds 1. */
#define EDGEQ_MVE_STAGE_MACROS                                                                     \
    ".macro edgeq_scale sums, bias, multiplier, shift, one\n"                                      \
    "vadd.i32 \\sums, \\sums, \\bias\n" EDGEQ_MVE_HIGH "vrshl.s32 \\sums, \\shift\n"               \
    ".endm\n"                                                                                      \
    ".macro edgeq_scale_each sums, bias, multiplier, shift, one\n"                                 \
    "vadd.i32 \\sums, \\sums, \\bias\n" EDGEQ_MVE_HIGH "vrshl.s32 \\sums, \\sums, \\shift\n"       \
    ".endm\n"

#define EDGEQ_MVE_STAGE_END                                                                        \
    ".purgem edgeq_scale\n"                                                                        \
    ".purgem edgeq_scale_each\n"

#else

/* One sum to an output, saturated to 8 bits. */
static inline int8_t edgeq_mve_stage_s8(const int32_t *words, int32_t sum, int32_t offset)
{
    int32_t multiplier = words[EDGEQ_MVE_MULTIPLIER];
    int32_t shift = words[EDGEQ_MVE_SHIFT];
    int32_t twice = 2 * (sum + words[EDGEQ_MVE_BIAS]);
#if defined(EDGEQ_STAGE_ROUNDS_FLOATS)
    int32_t out = edgeq_stage(twice, multiplier, offset, shift);
#else
    int32_t half = ((int32_t)1 << -shift) >> 1;
    int32_t out = edgeq_stage(twice, multiplier, half, -shift) + offset;
#endif
    return (int8_t)(out < INT8_MIN ? INT8_MIN : (out > INT8_MAX ? INT8_MAX : out));
}

#endif

#endif
