/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/requantize.h"

#include "requantize/one.h"

void edgeq_requantize_s8_s8(
    const struct edgeq_requantize_params *params, const int8_t *input, int8_t *output)
{
    const struct edgeq_requantize_params p = *params;
    for (int32_t i = 0; i < p.count; i++) {
        output[i] = (int8_t)edgeq_requantize_one(&p, input[i]);
    }
}
