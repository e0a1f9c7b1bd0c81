/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/elementwise.h"

#include "elementwise/sum_s8_dsp.h"

void edgeq_add_s8__dsp(const struct edgeq_add_dsp_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output)
{
    struct edgeq_runs at = {0, 0, {0}};
    do {
        const int8_t *a = input1 + at.input1;
        const int8_t *b = input2 + at.input2;
        const int8_t *wide = params->wide == 1 ? a : b;
        const int8_t *other = params->wide == 1 ? b : a;
        edgeq_sum_run_dsp(params, wide, 1, other, output);
        output += params->run;
    } while (edgeq_next_run(&at, params->loops, params->depth) != 0);
}
