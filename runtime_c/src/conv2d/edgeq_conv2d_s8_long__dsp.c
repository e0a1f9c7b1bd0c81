/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "conv2d/sum_pixel_dsp.h"
#include "isa/dot_2x4.h"

/* Adds the products of all inputs to the sums of four channels: those of the second row stand
 * behind those of the first. Advances the weights. */
static inline void edgeq_add_products(struct edgeq_rows_2x4 *rows, int32_t steps, int32_t *sums)
{
    static const int32_t zeros[4] = {0, 0, 0, 0};
    const int32_t *x = rows->x;
    for (int32_t left = steps; left > 0; left -= EDGEQ_EXACT_TAPS / 2) {
        struct edgeq_rows_2x4 part = *rows;
        int32_t sums_of_part[8];
        edgeq_set_steps(&part, x, left < EDGEQ_EXACT_TAPS / 2 ? left : EDGEQ_EXACT_TAPS / 2);
        part.bias[0] = zeros;
        part.bias[1] = zeros;
        edgeq_sums_2x4(&part, sums_of_part);
        for (int32_t i = 0; i < 8; i += 2) {
            sums[i] += sums_of_part[i + 1];
            sums[i + 1] += sums_of_part[i] >> 8;
        }
        rows->weights += part.x_end - x;
        x = part.x_end;
    }
}

/* As edgeq_multiply_2x4, but of sums of any size; `bias` has a word per channel. */
static EDGEQ_OUT_OF_LINE void edgeq_multiply_pixels(const struct edgeq_rows_2x4 *given)
{
    struct edgeq_rows_2x4 rows = *given;
    int32_t channels = rows.whole + (rows.rest_end != NULL ? 4 : 0);
    for (int32_t c = 0; c < channels; c += 4) {
        int32_t sums[8] = {0, 0, 0, 0, 0, 0, 0, 0};
        edgeq_add_products(&rows, (int32_t)(rows.x_end - rows.x) / 2, sums);
        for (int32_t i = 0; i < 4; i++, rows.weights += EDGEQ_STAGE_WORDS) {
            for (int32_t row = 0; row < 2; row++) {
                int32_t out = edgeq_stage(rows.bias[row][c + i] + 2 * sums[4 * row + i],
                    rows.weights[EDGEQ_STAGE_MULTIPLIER], rows.weights[EDGEQ_STAGE_ADDEND],
                    rows.weights[EDGEQ_STAGE_SHIFT]);
                int8_t *output = c < rows.whole ? rows.output[row] + c : rows.rest[row];
                output[i] = (int8_t)edgeq_saturate8(out);
            }
        }
    }
}

#include "conv2d/conv_s8_dsp.h"

void edgeq_conv2d_s8_long__dsp(const struct edgeq_conv2d_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch)
{
    edgeq_conv_s8_dsp(params, input, output, scratch);
}
