/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/elementwise.h"

#include "elementwise/runs.h"
#include "elementwise/sum.h"

/* One run. The parameters are copied, as the compiler must assume that a byte of the output may be
 * part of them. The addend of a broadcast operand is computed once. */
static void square_run(const struct edgeq_add_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output)
{
    const struct edgeq_add_params p = *params;
    int32_t a = 0;
    int32_t b = 0;
    for (int32_t i = 0; i < p.run; i++) {
        if (i == 0 || p.input1_step != 0) {
            a = edgeq_addend(
                input1[i] + p.input1_offset, p.left_shift, p.input1_multiplier, p.input1_shift);
        }
        if (i == 0 || p.input2_step != 0) {
            b = edgeq_addend(
                input2[i] + p.input2_offset, p.left_shift, p.input2_multiplier, p.input2_shift);
        }
        output[i] = (int8_t)edgeq_fraction_stage((a - b) * (a - b), p.output_multiplier,
            p.output_shift, p.output_offset, p.act_min, p.act_max);
    }
}

void edgeq_squared_difference_s8(const struct edgeq_add_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output)
{
    struct edgeq_runs at = {0, 0, {0}};
    do {
        square_run(params, input1 + at.input1, input2 + at.input2, output);
        output += params->run;
    } while (edgeq_next_run(&at, params->loops, params->depth) != 0);
}
