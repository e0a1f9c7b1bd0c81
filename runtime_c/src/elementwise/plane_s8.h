/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ELEMENTWISE_PLANE_S8_H
#define EDGEQ_ELEMENTWISE_PLANE_S8_H

#include "edgeq/elementwise.h"
#include "elementwise/runs.h"
#include "fixedpoint.h"

/* One run. The parameters are copied, as a byte of the output may be part of them for all the
 * compiler knows. */
static inline void edgeq_plane_run(const struct edgeq_plane_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output)
{
    const struct edgeq_plane_params p = *params;
    for (int32_t i = 0; i < p.run; i++, input1 += p.input1_step, input2 += p.input2_step) {
        int32_t height = *input1 * p.factor1 + *input2 * p.factor2 + p.intercept;
        output[i] = (int8_t)edgeq_clamp(height >> 21, p.act_min, p.act_max);
    }
}

/* All runs. */
static inline void edgeq_plane_s8(const struct edgeq_plane_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output)
{
    struct edgeq_runs at = {0, 0, {0}};
    do {
        edgeq_plane_run(params, input1 + at.input1, input2 + at.input2, output);
        output += params->run;
    } while (edgeq_next_run(&at, params->loops, params->depth) != 0);
}

#endif
