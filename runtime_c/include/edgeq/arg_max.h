/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ARG_MAX_H
#define EDGEQ_ARG_MAX_H

#include <stdint.h>

/* The input is outer * size * inner elements, searched along the middle for the first of the
 * largest (flip 0) or of the smallest (flip -1). */
struct edgeq_arg_max_params {
    int32_t outer;
    int32_t size;
    int32_t inner;
    int32_t flip;
};

void edgeq_arg_max_s8_s32(
    const struct edgeq_arg_max_params *params, const int8_t *input, int32_t *output);
void edgeq_arg_max_s8_s64(
    const struct edgeq_arg_max_params *params, const int8_t *input, int64_t *output);
void edgeq_arg_max_s16_s32(
    const struct edgeq_arg_max_params *params, const int16_t *input, int32_t *output);
void edgeq_arg_max_s16_s64(
    const struct edgeq_arg_max_params *params, const int16_t *input, int64_t *output);

#endif
