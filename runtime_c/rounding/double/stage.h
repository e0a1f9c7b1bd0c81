/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_STAGE_H
#define EDGEQ_STAGE_H

/* The output stage of fast kernels: as edgeq_requantize_sum of rounding.h and the addition of the
 * output offset, for sums and shifts that were checked when the model was compiled. */

#include "isa/multiply_high.h"

#include <stdint.h>

/* Halves are rounded away from zero, after the product was rounded. */
#define EDGEQ_STAGE_ROUNDS_TWICE

/* The words of a channel in an array of stages. */
enum { EDGEQ_STAGE_MULTIPLIER, EDGEQ_STAGE_ADDEND, EDGEQ_STAGE_SHIFT, EDGEQ_STAGE_WORDS };

/* An output before it is clamped. `twice` is two times the sum, bias included, so that the upper
 * half of the product is the doubling high product of TensorFlow Lite; to subtract 1 where that is
 * negative makes the shift round halves away from zero. It is 0 instead where a negative sum is
 * scaled to almost nothing, which rounds to nothing with the 1 subtracted as well: so the sign of
 * the sum will do. `addend` holds the rounding and the output offset, shifted; shift in [1, 31], or
 * 0 where the outputs of negative sums are below the clamp anyway, so that the 1 does not matter.
 */
static inline int32_t edgeq_stage(int32_t twice, int32_t multiplier, int32_t addend, int32_t shift)
{
    return edgeq_add_multiply_high_rounded(addend + (twice >> 31), twice, multiplier) >> shift;
}

/* The same for values that are no sums of products. */
static inline int32_t edgeq_stage_fraction(
    int32_t twice, int32_t multiplier, int32_t addend, int32_t shift)
{
    return edgeq_stage(twice, multiplier, addend, shift);
}

/* The same in assembly, but for the shift: an assembler macro of registers, the last one spare. */
#define EDGEQ_STAGE_MACRO                                                                          \
    ".macro edgeq_stage sum, multiplier, addend, spare\n"                                          \
    "add \\spare, \\addend, \\sum, asr #31\n"                                                      \
    "smmlar \\sum, \\sum, \\multiplier, \\spare\n"                                                 \
    ".endm\n"

#endif
