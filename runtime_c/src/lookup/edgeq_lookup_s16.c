/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/lookup.h"

#include "interpolate.h"

void edgeq_lookup_s16(
    const struct edgeq_lookup_s16_params *params, const int16_t *input, int16_t *output)
{
    const struct edgeq_lookup_s16_params p = *params;
    for (int32_t i = 0; i < p.count; i++) {
        output[i] = (int16_t)edgeq_interpolate(p.table, input[i]);
    }
}
