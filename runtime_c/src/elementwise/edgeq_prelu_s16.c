/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/elementwise.h"

#include "elementwise/runs.h"
#include "fixedpoint.h"

/* The parameters are copied, as the compiler must assume that an element of the output may be part
 * of them. */
static void run(const struct edgeq_prelu_params *params, const int16_t *input, const int16_t *alpha,
    int16_t *output)
{
    const struct edgeq_prelu_params p = *params;
    for (int32_t i = 0; i < p.run; i++) {
        int32_t x = *input + p.input_offset;
        int32_t out;
        if (x >= 0) {
            out = edgeq_output_stage(
                x, p.positive_multiplier, p.positive_shift, p.output_offset, p.out_min, p.out_max);
        } else {
            out = edgeq_output_stage(x * (*alpha + p.alpha_offset), p.negative_multiplier,
                p.negative_shift, p.output_offset, p.out_min, p.out_max);
        }
        output[i] = (int16_t)out;
        input += p.input1_step;
        alpha += p.input2_step;
    }
}

void edgeq_prelu_s16(const struct edgeq_prelu_params *params, const int16_t *input1,
    const int16_t *input2, int16_t *output)
{
    struct edgeq_runs at = {0, 0, {0}};
    do {
        run(params, input1 + at.input1, input2 + at.input2, output);
        output += params->run;
    } while (edgeq_next_run(&at, params->loops, params->depth) != 0);
}
