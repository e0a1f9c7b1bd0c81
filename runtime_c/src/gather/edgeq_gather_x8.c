/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/gather.h"

#include "fixedpoint.h"

#include <string.h>

void edgeq_gather_x8(const struct edgeq_gather_params *params, const void *input1,
    const int32_t *input2, void *output)
{
    const struct edgeq_gather_params *p = params;
    const uint8_t *in = input1;
    const int32_t *indices = input2;
    uint8_t *out = output;
    for (int32_t b = 0; b < p->batches; b++, indices += p->count) {
        for (int32_t o = 0; o < p->outer; o++, in += p->axis_size * p->run_bytes) {
            for (int32_t i = 0; i < p->count; i++, out += p->run_bytes) {
                int32_t pick = edgeq_clamp(indices[i], 0, p->axis_size - 1);
                memcpy(out, in + pick * p->run_bytes, (size_t)p->run_bytes);
            }
        }
    }
}
