/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/reduce.h"

#include "fixedpoint.h"
#include "pool/pixels_s8_dsp.h"

/* The sums of four neighbours over the reduced dimensions; `first` is the first element of the
 * first. */
static void add_four(const struct edgeq_sum_params *p, const int8_t *first, int32_t *sums)
{
    for (int32_t i = 0; i < p->reduced_0; i++) {
        for (int32_t j = 0; j < p->reduced_1; j++) {
            const int8_t *in = first + i * p->reduced_stride_0 + j * p->reduced_stride_1;
            edgeq_add_pixels(in, p->reduced_stride_2, p->reduced_2, sums);
        }
    }
}

/* All neighbours, of which there are at least four. Where the last ones are less, some before them
 * are summed with them; these may be overwritten by now. */
static void neighbours(const struct edgeq_sum_params *p, const int8_t *first, int8_t *output)
{
    for (int32_t k = 0; k < p->kept_2; k += EDGEQ_QUAD) {
        int32_t from = k < p->kept_2 - EDGEQ_QUAD ? k : p->kept_2 - EDGEQ_QUAD;
        int32_t sums[EDGEQ_QUAD] = {p->bias, p->bias, p->bias, p->bias};
        add_four(p, first + from, sums);
        for (int32_t i = k - from; i < EDGEQ_QUAD; i++) {
            output[from + i] = (int8_t)edgeq_output_stage(
                sums[i], p->multiplier, p->shift, p->output_offset, INT8_MIN, INT8_MAX);
        }
    }
}

void edgeq_sum_s8__dsp(const struct edgeq_sum_params *params, const int8_t *input, int8_t *output)
{
    const struct edgeq_sum_params *p = params;
    for (int32_t i = 0; i < p->kept_0; i++) {
        for (int32_t j = 0; j < p->kept_1; j++, output += p->kept_2) {
            neighbours(p, input + i * p->kept_stride_0 + j * p->kept_stride_1, output);
        }
    }
}
