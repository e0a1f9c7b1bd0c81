/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/elementwise.h"

#include "elementwise/runs.h"

static void run(const struct edgeq_binary_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output)
{
    const int32_t step1 = params->input1_step;
    const int32_t step2 = params->input2_step;
    const int8_t *end = output + params->run;
    while (output < end) {
        *output++ = (int8_t)(*input1 > *input2 ? *input1 : *input2);
        input1 += step1;
        input2 += step2;
    }
}

void edgeq_maximum_s8(const struct edgeq_binary_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output)
{
    struct edgeq_runs at = {0, 0, {0}};
    do {
        run(params, input1 + at.input1, input2 + at.input2, output);
        output += params->run;
    } while (edgeq_next_run(&at, params->loops, params->depth) != 0);
}
