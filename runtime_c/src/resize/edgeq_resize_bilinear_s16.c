/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/resize.h"

/* One pixel: `in` points at the one above and to the left, `below` and `right` lead to its
 * neighbours (0 where the weight is 0). Weights are in 1/1024, so that the sum of a row stays below
 * 2^26. */
static void interpolate(const int16_t *in, int32_t below, int32_t right, int32_t weight_below,
    int32_t weight_right, int32_t channels, int16_t *out)
{
    for (int32_t c = 0; c < channels; c++, in++) {
        int32_t top = in[0] * (1024 - weight_right) + in[right] * weight_right;
        int32_t bottom = in[below] * (1024 - weight_right) + in[below + right] * weight_right;
        int64_t sum = (int64_t)top * (1024 - weight_below) + (int64_t)bottom * weight_below;
        int64_t half = ((int64_t)1 << 19) - (sum < 0);
        out[c] = (int16_t)((sum + half) >> 20); /* halves away from zero */
    }
}

void edgeq_resize_bilinear_s16(
    const struct edgeq_resize_bilinear_params *params, const int16_t *input, int16_t *output)
{
    const struct edgeq_resize_bilinear_params *p = params;
    int32_t row_size = p->in_w * p->channels;
    for (int32_t b = 0; b < p->batches; b++, input += p->in_h * row_size) {
        for (int32_t y = 0; y < p->out_h; y++) {
            const int16_t *row = input + p->rows[y] * row_size;
            int32_t below = p->row_weights[y] != 0 ? row_size : 0;
            for (int32_t x = 0; x < p->out_w; x++) {
                int32_t right = p->column_weights[x] != 0 ? p->channels : 0;
                interpolate(row + p->columns[x] * p->channels, below, right, p->row_weights[y],
                    p->column_weights[x], p->channels, output);
                output += p->channels;
            }
        }
    }
}
