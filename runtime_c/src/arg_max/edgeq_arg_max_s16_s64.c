/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/arg_max.h"

#include "arg_max/search.h"

void edgeq_arg_max_s16_s64(
    const struct edgeq_arg_max_params *params, const int16_t *input, int64_t *output)
{
    const struct edgeq_arg_max_params *p = params;
    for (int32_t i = 0; i < p->outer; i++, input += p->size * p->inner) {
        for (int32_t k = 0; k < p->inner; k++) {
            *output++ = edgeq_first_max_s16(input + k, p->size, p->inner, p->flip);
        }
    }
}
