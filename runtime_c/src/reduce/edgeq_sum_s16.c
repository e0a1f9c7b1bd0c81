/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/reduce.h"

#include "fixedpoint.h"

/* The sum over the reduced dimensions, and the bias; `first` is the first element. */
static int32_t sum(const struct edgeq_sum_params *p, const int16_t *first)
{
    int32_t stride = p->reduced_stride_2;
    int32_t acc = p->bias;
    for (int32_t i = 0; i < p->reduced_0; i++) {
        for (int32_t j = 0; j < p->reduced_1; j++) {
            const int16_t *in = first + i * p->reduced_stride_0 + j * p->reduced_stride_1;
            for (int32_t k = 0; k < p->reduced_2; k++) {
                acc += in[k * stride];
            }
        }
    }
    return acc;
}

void edgeq_sum_s16(const struct edgeq_sum_params *params, const int16_t *input, int16_t *output)
{
    const struct edgeq_sum_params *p = params;
    for (int32_t i = 0; i < p->kept_0; i++) {
        for (int32_t j = 0; j < p->kept_1; j++) {
            const int16_t *first = input + i * p->kept_stride_0 + j * p->kept_stride_1;
            for (int32_t k = 0; k < p->kept_2; k++) {
                *output++ = (int16_t)edgeq_output_stage(sum(p, first + k * p->kept_stride_2),
                    p->multiplier, p->shift, p->output_offset, INT16_MIN, INT16_MAX);
            }
        }
    }
}
