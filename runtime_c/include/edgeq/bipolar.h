/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_BIPOLAR_H
#define EDGEQ_BIPOLAR_H

#include <stdint.h>

/* Values of one bit: 1 for 1 and 0 for -1, 32 to a word, the first in its lowest bit. Bits that are
 * missing from the last word are 0. */

/* An element is 1 where it is `threshold` or more. */
struct edgeq_bipolar_params {
    int32_t count;
    int32_t threshold;
};

/* Input is batches rows of in_features bits, output batches rows of out_features. Weights are
 * out_features rows of bits, each in words of its own, whose missing bits are 0. Where outputs are
 * bits, they are 1 for sums of 0 and more, and `multiplier` and `shift` are null. */
struct edgeq_bipolar_dense_params {
    int32_t batches;
    int32_t in_features;
    int32_t out_features;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
    const int32_t *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
};

/* Tensors are batch, row, column, channel; padded taps contribute nothing. Weights are rows of bits
 * as above, one per output channel, in the order kernel_h, kernel_w, in_c. `bias` has one row of
 * out_c values per region; the region of output row y, column x is bias_row[y] * bias_cols +
 * bias_col[x], or 0 where bias_row is null. */
struct edgeq_bipolar_conv2d_params {
    int32_t batches;
    int32_t in_h;
    int32_t in_w;
    int32_t in_c;
    int32_t out_h;
    int32_t out_w;
    int32_t out_c;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t dilation_h;
    int32_t dilation_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    const int32_t *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

void edgeq_bipolar_s8(
    const struct edgeq_bipolar_params *params, const int8_t *input, uint32_t *output);
void edgeq_bipolar_dense(const struct edgeq_bipolar_dense_params *params, const uint32_t *input,
    uint32_t *output, void *scratch);
void edgeq_bipolar_dense_s8(const struct edgeq_bipolar_dense_params *params, const uint32_t *input,
    int8_t *output, void *scratch);
void edgeq_bipolar_dense_s16(const struct edgeq_bipolar_dense_params *params, const uint32_t *input,
    int16_t *output, void *scratch);
void edgeq_bipolar_conv2d(const struct edgeq_bipolar_conv2d_params *params, const uint32_t *input,
    uint32_t *output, void *scratch);
void edgeq_bipolar_conv2d_s8(const struct edgeq_bipolar_conv2d_params *params,
    const uint32_t *input, int8_t *output, void *scratch);
void edgeq_bipolar_conv2d_s16(const struct edgeq_bipolar_conv2d_params *params,
    const uint32_t *input, int16_t *output, void *scratch);

#endif
