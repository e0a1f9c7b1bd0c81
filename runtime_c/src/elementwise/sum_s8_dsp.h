/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ELEMENTWISE_SUM_S8_DSP_H
#define EDGEQ_ELEMENTWISE_SUM_S8_DSP_H

#include "edgeq/elementwise.h"
#include "elementwise/runs.h"
#include "isa/dsp.h"
#include "stage.h"

/* wide_sign times an element of the wide operand, and the addend of the other's, on the scale of
 * the output. */
static inline int8_t edgeq_sum_dsp(
    const struct edgeq_add_dsp_params *p, int32_t wide, int32_t wide_sign, int32_t other)
{
    int32_t twice = p->addends[(uint8_t)other] + wide_sign * (wide * (1 << 20));
    return (int8_t)edgeq_saturate8(edgeq_stage_fraction(twice, p->multiplier, p->addend, p->shift));
}

/* One run. The parameters are copied, as a byte of the output may be part of them for all the
 * compiler knows. */
static inline void edgeq_sum_run_dsp(const struct edgeq_add_dsp_params *params, const int8_t *wide,
    int32_t wide_sign, const int8_t *other, int8_t *output)
{
    const struct edgeq_add_dsp_params p = *params;
    int8_t *const end = output + p.run;
    int8_t *const fours_end = output + (p.run & ~3);
    while (output < fours_end) {
        int32_t a = edgeq_load_word(wide);
        int32_t b = edgeq_load_word(other);
        output[0] = edgeq_sum_dsp(&p, (int8_t)a, wide_sign, b);
        output[1] = edgeq_sum_dsp(&p, (int8_t)(a >> 8), wide_sign, b >> 8);
        output[2] = edgeq_sum_dsp(&p, (int8_t)(a >> 16), wide_sign, b >> 16);
        output[3] = edgeq_sum_dsp(&p, a >> 24, wide_sign, b >> 24);
        wide += 4;
        other += 4;
        output += 4;
    }
    while (output < end) {
        *output++ = edgeq_sum_dsp(&p, *wide++, wide_sign, *other++);
    }
    if (p.act_min > INT8_MIN || p.act_max < INT8_MAX) {
        edgeq_clamp_bytes(end - p.run, p.run, p.act_min, p.act_max);
    }
}

#endif
