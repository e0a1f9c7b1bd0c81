/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/elementwise.h"

#include "elementwise/runs.h"
#include "fixedpoint.h"

/* The parameters are copied, as the compiler must assume that an element of the output may be part
 * of them. */
static void run(const struct edgeq_mul_params *params, const int16_t *input1, const int16_t *input2,
    int16_t *output)
{
    const struct edgeq_mul_params p = *params;
    for (int32_t i = 0; i < p.run; i++) {
        int32_t product = (*input1 + p.input1_offset) * (*input2 + p.input2_offset);
        output[i] = (int16_t)edgeq_output_stage(
            product, p.multiplier, p.shift, p.output_offset, p.act_min, p.act_max);
        input1 += p.input1_step;
        input2 += p.input2_step;
    }
}

void edgeq_mul_s16(const struct edgeq_mul_params *params, const int16_t *input1,
    const int16_t *input2, int16_t *output)
{
    struct edgeq_runs at = {0, 0, {0}};
    do {
        run(params, input1 + at.input1, input2 + at.input2, output);
        output += params->run;
    } while (edgeq_next_run(&at, params->loops, params->depth) != 0);
}
