/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_REDUCE_H
#define EDGEQ_REDUCE_H

#include <stdint.h>

/* In both structs: sizes and strides, in elements, of the dimensions that are kept, of which there
 * is one output for each index, and of those that are reduced. */

/* The output is the sum of the elements and of `bias`, scaled. */
struct edgeq_sum_params {
    int32_t kept_0;
    int32_t kept_1;
    int32_t kept_2;
    int32_t kept_stride_0;
    int32_t kept_stride_1;
    int32_t kept_stride_2;
    int32_t reduced_0;
    int32_t reduced_1;
    int32_t reduced_2;
    int32_t reduced_stride_0;
    int32_t reduced_stride_1;
    int32_t reduced_stride_2;
    int32_t bias;
    int32_t multiplier;
    int32_t shift;
    int32_t output_offset;
};

/* The output is the largest element (flip 0) or the smallest (flip -1). */
struct edgeq_reduce_max_params {
    int32_t kept_0;
    int32_t kept_1;
    int32_t kept_2;
    int32_t kept_stride_0;
    int32_t kept_stride_1;
    int32_t kept_stride_2;
    int32_t reduced_0;
    int32_t reduced_1;
    int32_t reduced_2;
    int32_t reduced_stride_0;
    int32_t reduced_stride_1;
    int32_t reduced_stride_2;
    int32_t flip;
};

void edgeq_sum_s8(const struct edgeq_sum_params *params, const int8_t *input, int8_t *output);
void edgeq_sum_s8__dsp(const struct edgeq_sum_params *params, const int8_t *input, int8_t *output);
void edgeq_sum_s16(const struct edgeq_sum_params *params, const int16_t *input, int16_t *output);
void edgeq_reduce_max_s8(
    const struct edgeq_reduce_max_params *params, const int8_t *input, int8_t *output);
void edgeq_reduce_max_s16(
    const struct edgeq_reduce_max_params *params, const int16_t *input, int16_t *output);

#endif
