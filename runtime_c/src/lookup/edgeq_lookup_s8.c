/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/lookup.h"

/* Four elements are read before their results are written, as the output may be the input: so the
 * loads can follow upon each other. */
void edgeq_lookup_s8(const struct edgeq_lookup_params *params, const int8_t *input, int8_t *output)
{
    const int8_t *const end = input + params->count;
    const int8_t *of_zero = params->table + 128;
    for (; end - input >= 4; input += 4, output += 4) {
        int32_t x0 = input[0];
        int32_t x1 = input[1];
        int32_t x2 = input[2];
        int32_t x3 = input[3];
        int8_t y0 = of_zero[x0];
        int8_t y1 = of_zero[x1];
        int8_t y2 = of_zero[x2];
        int8_t y3 = of_zero[x3];
        output[0] = y0;
        output[1] = y1;
        output[2] = y2;
        output[3] = y3;
    }
    while (input < end) {
        *output++ = of_zero[*input++];
    }
}
