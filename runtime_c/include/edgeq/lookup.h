/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_LOOKUP_H
#define EDGEQ_LOOKUP_H

#include <stdint.h>

/* `table` has the output for each of the inputs -128 .. 127, in this order. The output may be the
 * same memory as the input. */
struct edgeq_lookup_params {
    int32_t count;
    const int8_t *table;
};

/* `table` has the outputs for the inputs -32768, -32640 ... 32640, 32768: 513 of them, between
 * which is interpolated. The output may be the same memory as the input. */
struct edgeq_lookup_s16_params {
    int32_t count;
    const int16_t *table;
};

/* A function that consists of `pieces` straight lines. Line k begins at input starts[k], the first
 * at -32768: output = clamp((input + input_offset) * multipliers[k] * 2^(shifts[k] - 31) +
 * offsets[k], out_min, out_max). The output may be the same memory as the input. */
struct edgeq_lines_params {
    int32_t count;
    int32_t pieces;
    int32_t input_offset;
    int32_t out_min;
    int32_t out_max;
    const int16_t *starts;
    const int32_t *multipliers;
    const int32_t *shifts;
    const int32_t *offsets;
};

void edgeq_lookup_s8(const struct edgeq_lookup_params *params, const int8_t *input, int8_t *output);
void edgeq_lookup_s16(
    const struct edgeq_lookup_s16_params *params, const int16_t *input, int16_t *output);
void edgeq_lines_s16(
    const struct edgeq_lines_params *params, const int16_t *input, int16_t *output);

#endif
