/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ELEMENTWISE_SUM_H
#define EDGEQ_ELEMENTWISE_SUM_H

#include "edgeq/elementwise.h"
#include "fixedpoint.h"

enum {
    EDGEQ_SUM_ONE = 1 << 20,
    EDGEQ_SQUARE_ONE = 1 << 7,
};

/* An operand on the scale that both share, in fixed point where `one` is 1; shift is 0 or
 * negative. */
static inline int32_t edgeq_addend(
    int8_t value, int32_t offset, int32_t multiplier, int32_t shift, int32_t one)
{
    int32_t difference = (value + offset) * one;
    return edgeq_rounding_shift_right(edgeq_doubling_high_mul(difference, multiplier), -shift);
}

/* input1 + sign * input2, for one run. The parameters are copied, as the compiler must assume that
 * a byte of the output may be part of them. The addend of a broadcast operand is computed once. */
static inline void edgeq_sum_run(const struct edgeq_add_params *params, const int8_t *input1,
    const int8_t *input2, int32_t sign, int8_t *output)
{
    const struct edgeq_add_params p = *params;
    int32_t a = 0;
    int32_t b = 0;
    for (int32_t i = 0; i < p.run; i++) {
        if (i == 0 || p.input1_step != 0) {
            a = edgeq_addend(
                input1[i], p.input1_offset, p.input1_multiplier, p.input1_shift, EDGEQ_SUM_ONE);
        }
        if (i == 0 || p.input2_step != 0) {
            b = edgeq_addend(
                input2[i], p.input2_offset, p.input2_multiplier, p.input2_shift, EDGEQ_SUM_ONE);
        }
        output[i] = (int8_t)edgeq_output_stage(a + sign * b, p.output_multiplier, p.output_shift,
            p.output_offset, p.act_min, p.act_max);
    }
}

#endif
