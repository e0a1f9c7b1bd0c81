/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/l2_normalize.h"

#include "fixedpoint.h"
#include "l2_normalize/root.h"

void edgeq_l2_normalize_s8(
    const struct edgeq_l2_normalize_params *params, const int8_t *input, int8_t *output)
{
    const struct edgeq_l2_normalize_params p = *params;
    for (int32_t row = 0; row < p.rows; row++, input += p.depth, output += p.depth) {
        int32_t sum = 0;
        for (int32_t i = 0; i < p.depth; i++) {
            int32_t difference = input[i] + p.input_offset;
            sum += difference * difference;
        }
        struct edgeq_reciprocal_root root = edgeq_reciprocal_root_of(sum);
        for (int32_t i = 0; i < p.depth; i++) {
            int32_t steps = edgeq_requantize(input[i] + p.input_offset, root.scale, root.shift + 7);
            output[i] = (int8_t)edgeq_clamp(steps, INT8_MIN, INT8_MAX);
        }
    }
}
