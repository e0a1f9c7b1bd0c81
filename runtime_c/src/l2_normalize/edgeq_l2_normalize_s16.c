/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/l2_normalize.h"

#include "fixedpoint.h"
#include "l2_normalize/root.h"

/* Of a sum of squares of 64 bits. */
static struct edgeq_reciprocal_root root_of(int64_t sum)
{
    int32_t halvings = 0;
    while (sum >= (int64_t)1 << 29) {
        sum >>= 2;
        halvings++;
    }
    struct edgeq_reciprocal_root root = edgeq_reciprocal_root_of((int32_t)sum);
    root.shift -= halvings;
    return root;
}

void edgeq_l2_normalize_s16(
    const struct edgeq_l2_normalize_params *params, const int16_t *input, int16_t *output)
{
    const struct edgeq_l2_normalize_params p = *params;
    for (int32_t row = 0; row < p.rows; row++, input += p.depth, output += p.depth) {
        int64_t sum = 0;
        for (int32_t i = 0; i < p.depth; i++) {
            int64_t difference = input[i] + p.input_offset;
            sum += difference * difference;
        }
        struct edgeq_reciprocal_root root = root_of(sum);
        for (int32_t i = 0; i < p.depth; i++) {
            int32_t steps =
                edgeq_requantize(input[i] + p.input_offset, root.scale, root.shift + 15);
            output[i] = (int16_t)edgeq_clamp(steps, INT16_MIN, INT16_MAX);
        }
    }
}
