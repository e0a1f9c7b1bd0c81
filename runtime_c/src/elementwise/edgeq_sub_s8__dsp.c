/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/elementwise.h"

#include "elementwise/sum_s8_dsp.h"

void edgeq_sub_s8__dsp(const struct edgeq_add_dsp_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output)
{
    struct edgeq_runs at = {0, 0, {0}};
    do {
        const int8_t *a = input1 + at.input1;
        const int8_t *b = input2 + at.input2;
        if (params->wide == 1) {
            edgeq_sum_run_dsp(params, a, 1, b, output);
        } else {
            edgeq_sum_run_dsp(params, b, -1, a, output);
        }
        output += params->run;
    } while (edgeq_next_run(&at, params->loops, params->depth) != 0);
}
