/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/elementwise.h"

#include "elementwise/runs.h"
#include "elementwise/sum_s8.h"

void edgeq_add_s8(const struct edgeq_add_params *params, const int8_t *input1, const int8_t *input2,
    int8_t *output)
{
    struct edgeq_runs at = {0, 0, {0}};
    do {
        edgeq_sum_run(params, input1 + at.input1, input2 + at.input2, 1, output);
        output += params->run;
    } while (edgeq_next_run(&at, params->loops, params->depth) != 0);
}
