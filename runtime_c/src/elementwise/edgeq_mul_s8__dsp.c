/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/elementwise.h"

#include "elementwise/runs.h"
#include "isa/dsp.h"
#include "stage.h"

static inline int8_t product(const struct edgeq_mul_dsp_params *p, int32_t a, int32_t b)
{
    int32_t twice = (2 * a + p->twice_offset1) * (b + p->input2_offset);
    return (int8_t)edgeq_saturate8(edgeq_stage(twice, p->multiplier, p->addend, p->shift));
}

/* One run. The parameters are copied, as a byte of the output may be part of them for all the
 * compiler knows. */
static void run(const struct edgeq_mul_dsp_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output)
{
    const struct edgeq_mul_dsp_params p = *params;
    int8_t *const end = output + p.run;
    int8_t *const fours_end = output + (p.run & ~3);
    while (output < fours_end) {
        int32_t a = edgeq_load_word(input1);
        int32_t b = edgeq_load_word(input2);
        output[0] = product(&p, (int8_t)a, (int8_t)b);
        output[1] = product(&p, (int8_t)(a >> 8), (int8_t)(b >> 8));
        output[2] = product(&p, (int8_t)(a >> 16), (int8_t)(b >> 16));
        output[3] = product(&p, a >> 24, b >> 24);
        input1 += 4;
        input2 += 4;
        output += 4;
    }
    while (output < end) {
        *output++ = product(&p, *input1++, *input2++);
    }
    if (p.act_min > INT8_MIN || p.act_max < INT8_MAX) {
        edgeq_clamp_bytes(end - p.run, p.run, p.act_min, p.act_max);
    }
}

void edgeq_mul_s8__dsp(const struct edgeq_mul_dsp_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output)
{
    struct edgeq_runs at = {0, 0, {0}};
    do {
        run(params, input1 + at.input1, input2 + at.input2, output);
        output += params->run;
    } while (edgeq_next_run(&at, params->loops, params->depth) != 0);
}
