/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/mirror_pad.h"

#include "box.h"

#include <string.h>

/* Where element i of an axis of `size` elements comes from; i is at most one image away. */
static int32_t mirrored(int32_t i, int32_t size, int32_t overlap)
{
    if (i < 0) {
        return -i - 1 + overlap;
    }
    return i < size ? i : 2 * size - 1 - overlap - i;
}

/* One row of the last dimension: the image in front, the row itself, the image behind. Returns the
 * end of what was written. */
static uint8_t *mirror_row(
    const struct edgeq_mirror_pad_params *p, const uint8_t *row, uint8_t *out)
{
    int32_t d = p->rank - 1;
    int32_t size = p->extents[d];
    int32_t before = p->before[d];
    int32_t after = p->out_extents[d] - before - size;
    for (int32_t i = -before; i < 0; i++, out += p->run_bytes) {
        memcpy(out, row + mirrored(i, size, p->overlap) * p->run_bytes, (size_t)p->run_bytes);
    }
    int32_t row_bytes = size * p->run_bytes;
    memcpy(out, row, (size_t)row_bytes);
    out += row_bytes;
    for (int32_t i = size; i < size + after; i++, out += p->run_bytes) {
        memcpy(out, row + mirrored(i, size, p->overlap) * p->run_bytes, (size_t)p->run_bytes);
    }
    return out;
}

void edgeq_mirror_pad_x8(
    const struct edgeq_mirror_pad_params *params, const void *input, void *output)
{
    const struct edgeq_mirror_pad_params *p = params;
    int32_t inner = p->rank - 1;
    int32_t row_bytes = p->extents[inner] * p->run_bytes;
    uint8_t *out = output;
    int32_t index[EDGEQ_MAX_RANK] = {0};
    do {
        int32_t row = 0;
        for (int32_t d = 0; d < inner; d++) {
            row =
                row * p->extents[d] + mirrored(index[d] - p->before[d], p->extents[d], p->overlap);
        }
        out = mirror_row(p, (const uint8_t *)input + row * row_bytes, out);
    } while (edgeq_box_next(index, p->out_extents, inner) != 0);
}
