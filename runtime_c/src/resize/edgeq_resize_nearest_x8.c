/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/resize.h"

#include <string.h>

static void resize_row(const struct edgeq_resize_nearest_params *p, const uint8_t *in, uint8_t *out)
{
    for (int32_t x = 0; x < p->out_w; x++) {
        memcpy(out, in + p->columns[x] * p->pixel_bytes, (size_t)p->pixel_bytes);
        out += p->pixel_bytes;
    }
}

void edgeq_resize_nearest_x8(
    const struct edgeq_resize_nearest_params *params, const void *input, void *output)
{
    const struct edgeq_resize_nearest_params *p = params;
    int32_t in_row = p->in_w * p->pixel_bytes;
    int32_t out_row = p->out_w * p->pixel_bytes;
    const uint8_t *in = input;
    uint8_t *out = output;
    for (int32_t b = 0; b < p->batches; b++, in += p->in_h * in_row) {
        for (int32_t y = 0; y < p->out_h; y++, out += out_row) {
            if (y > 0 && p->rows[y] == p->rows[y - 1]) {
                memcpy(out, out - out_row, (size_t)out_row);
            } else {
                resize_row(p, in + p->rows[y] * in_row, out);
            }
        }
    }
}
