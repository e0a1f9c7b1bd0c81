/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/reduce.h"

/* The largest element over the reduced dimensions, whose first is `first`. Complementing all bits
 * (flip -1) reverses the order, so that the smallest is found by the same comparison. */
static int32_t largest(const struct edgeq_reduce_max_params *p, const int16_t *first)
{
    int32_t stride = p->reduced_stride_2;
    int32_t flip = p->flip;
    int32_t max = *first ^ flip;
    for (int32_t i = 0; i < p->reduced_0; i++) {
        for (int32_t j = 0; j < p->reduced_1; j++) {
            const int16_t *in = first + i * p->reduced_stride_0 + j * p->reduced_stride_1;
            for (int32_t k = 0; k < p->reduced_2; k++) {
                int32_t value = in[k * stride] ^ flip;
                max = value > max ? value : max;
            }
        }
    }
    return max ^ flip;
}

void edgeq_reduce_max_s16(
    const struct edgeq_reduce_max_params *params, const int16_t *input, int16_t *output)
{
    const struct edgeq_reduce_max_params *p = params;
    for (int32_t i = 0; i < p->kept_0; i++) {
        for (int32_t j = 0; j < p->kept_1; j++) {
            const int16_t *first = input + i * p->kept_stride_0 + j * p->kept_stride_1;
            for (int32_t k = 0; k < p->kept_2; k++) {
                *output++ = (int16_t)largest(p, first + k * p->kept_stride_2);
            }
        }
    }
}
