/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/pad.h"

#include "box.h"

#include <string.h>

/* Repeats an element over `bytes` bytes. */
static void fill(uint8_t *out, int32_t bytes, const uint8_t *value, int32_t element_bytes)
{
    if (element_bytes == 1) {
        memset(out, *value, (size_t)bytes);
        return;
    }
    for (int32_t i = 0; i < bytes; i += element_bytes) {
        memcpy(out + i, value, (size_t)element_bytes);
    }
}

void edgeq_pad_x8(const struct edgeq_pad_params *params, const void *input, void *output)
{
    const uint8_t *in = input;
    uint8_t *out = output;
    int32_t index[EDGEQ_MAX_RANK] = {0};
    int32_t done = 0;
    do {
        int32_t place = params->offset + edgeq_box_offset(index, params->strides, params->rank);
        fill(out + done, place - done, params->value, params->element_bytes);
        memcpy(out + place, in, (size_t)params->run_bytes);
        in += params->run_bytes;
        done = place + params->run_bytes;
    } while (edgeq_box_next(index, params->extents, params->rank) != 0);
    fill(out + done, params->out_bytes - done, params->value, params->element_bytes);
}
