/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/concat.h"

#include <string.h>

void edgeq_concat_x8(
    const struct edgeq_concat_params *params, const void *const *inputs, void *output)
{
    uint8_t *out = output;
    for (int32_t k = 0; k < params->outer; k++) {
        for (int32_t i = 0; i < params->count; i++) {
            int32_t bytes = params->run_bytes[i];
            memcpy(out, (const uint8_t *)inputs[i] + k * bytes, (size_t)bytes);
            out += bytes;
        }
    }
}
