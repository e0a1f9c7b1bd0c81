/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/lookup.h"

#include "fixedpoint.h"

/* The last line that begins at x or before. */
static int32_t line_of(const int16_t *starts, int32_t pieces, int32_t x)
{
    int32_t first = 0;
    int32_t last = pieces - 1;
    while (first < last) {
        int32_t middle = (first + last + 1) / 2;
        if (x < starts[middle]) {
            last = middle - 1;
        } else {
            first = middle;
        }
    }
    return first;
}

void edgeq_lines_s16(const struct edgeq_lines_params *params, const int16_t *input, int16_t *output)
{
    const struct edgeq_lines_params p = *params;
    for (int32_t i = 0; i < p.count; i++) {
        int32_t x = input[i];
        int32_t k = line_of(p.starts, p.pieces, x);
        output[i] = (int16_t)edgeq_fraction_stage(
            x + p.input_offset, p.multipliers[k], p.shifts[k], p.offsets[k], p.out_min, p.out_max);
    }
}
