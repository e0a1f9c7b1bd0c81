/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/strided_copy.h"

#include "box.h"

#include <string.h>

/* `count` runs, `stride` bytes apart in the input; returns the end of what was written. */
static uint8_t *copy_runs(
    const uint8_t *in, uint8_t *out, int32_t count, int32_t stride, int32_t run_bytes)
{
    if (run_bytes == 1) {
        for (int32_t i = 0; i < count; i++) {
            *out++ = in[i * stride];
        }
        return out;
    }
    for (int32_t i = 0; i < count; i++) {
        memcpy(out, in + i * stride, (size_t)run_bytes);
        out += run_bytes;
    }
    return out;
}

void edgeq_strided_copy_x8(
    const struct edgeq_strided_copy_params *params, const void *input, void *output)
{
    const uint8_t *in = (const uint8_t *)input + params->offset;
    uint8_t *out = output;
    int32_t index[EDGEQ_MAX_RANK] = {0};
    int32_t inner = params->rank - 1;
    do {
        const uint8_t *row = in + edgeq_box_offset(index, params->strides, inner);
        out =
            copy_runs(row, out, params->extents[inner], params->strides[inner], params->run_bytes);
    } while (edgeq_box_next(index, params->extents, inner) != 0);
}
