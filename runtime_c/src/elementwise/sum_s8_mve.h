/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ELEMENTWISE_SUM_S8_MVE_H
#define EDGEQ_ELEMENTWISE_SUM_S8_MVE_H

#include "edgeq/elementwise.h"
#include "elementwise/runs.h"
#include "isa/mve_sum.h"

/* The whole of a sum or difference; `wide_sign` is that of the wide operand. */
static inline void edgeq_sum_of_s8_mve(const struct edgeq_add_dsp_params *p, const int8_t *input1,
    const int8_t *input2, int32_t wide_sign, int8_t *output)
{
    struct edgeq_runs at = {0, 0, {0}};
    struct edgeq_mve_sum sum = {
        .multiplier = p->multiplier,
        .low = p->act_min,
        .high = p->act_max,
        .output = output,
        .addends = p->addends,
        .factor = wide_sign * (1 << 20),
        .addend = p->addend,
        .left_shift = -p->shift,
        .count = p->run,
    };
    do {
        const int8_t *a = input1 + at.input1;
        const int8_t *b = input2 + at.input2;
        sum.wide = p->wide == 1 ? a : b;
        sum.other = p->wide == 1 ? b : a;
        edgeq_mve_run_sum(&sum);
        sum.output += p->run;
    } while (edgeq_next_run(&at, p->loops, p->depth) != 0);
}

#endif
