/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_STAGE_H
#define EDGEQ_STAGE_H

/* The output stage of fast kernels: as edgeq_requantize_sum of rounding.h and the addition of the
 * output offset, for sums and shifts that were checked when the model was compiled. */

#include "isa/multiply_high.h"

#include <stdint.h>

/* The words of a channel in an array of stages. */
enum { EDGEQ_STAGE_MULTIPLIER, EDGEQ_STAGE_ADDEND, EDGEQ_STAGE_SHIFT, EDGEQ_STAGE_WORDS };

/* An output before it is clamped. `twice` is two times the sum, bias included; what the upper half
 * of the product leaves out is below the half step that `addend` holds beside the output offset,
 * shifted. shift in [1, 31]. */
static inline int32_t edgeq_stage(int32_t twice, int32_t multiplier, int32_t addend, int32_t shift)
{
    return edgeq_add_multiply_high(addend, twice, multiplier) >> shift;
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
    "smmla \\sum, \\sum, \\multiplier, \\addend\n"                                                 \
    ".endm\n"

#endif
