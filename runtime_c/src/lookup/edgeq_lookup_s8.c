/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/lookup.h"

void edgeq_lookup_s8(const struct edgeq_lookup_params *params, const int8_t *input, int8_t *output)
{
    const int32_t count = params->count;
    const int8_t *of_zero = params->table + 128;
    for (int32_t i = 0; i < count; i++) {
        output[i] = of_zero[input[i]];
    }
}
