/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_L2_NORMALIZE_H
#define EDGEQ_L2_NORMALIZE_H

#include <stdint.h>

/* `rows` rows of `depth` elements; outputs are in steps of 1/128, or of
 * 1/32768. */
struct edgeq_l2_normalize_params {
    int32_t rows;
    int32_t depth;
    int32_t input_offset;
};

void edgeq_l2_normalize_s8(
    const struct edgeq_l2_normalize_params *params, const int8_t *input, int8_t *output);
void edgeq_l2_normalize_s16(
    const struct edgeq_l2_normalize_params *params, const int16_t *input, int16_t *output);

#endif
