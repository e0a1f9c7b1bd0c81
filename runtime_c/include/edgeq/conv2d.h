/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_H
#define EDGEQ_CONV2D_H

#include <stdint.h>

/* Tensors are batch, row, column, channel. Weights are out_c, kernel_h, kernel_w, in_c / groups, or
 * for the depthwise kernel kernel_h, kernel_w, out_c. `bias` has one row of out_c values per
 * region; the region of output row y, column x is bias_row[y] * bias_cols + bias_col[x], or 0 where
 * bias_row is null. `multiplier` and `shift` have out_c entries. */
struct edgeq_conv2d_params {
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
    int32_t groups;
    int32_t input_offset;
    int32_t weight_offset;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    int32_t weight_bits;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

/* The same for int16 inputs, whose zero point is 0: sums have 64 bits, multipliers 15. */
struct edgeq_conv2d_s16_params {
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
    int32_t groups;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    int32_t weight_bits;
    const int8_t *weights;
    const int64_t *bias;
    const int16_t *multiplier;
    const int8_t *shift;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

/* Convolutions with a factor for every `group_size` weights of a filter, [out_c, filter size /
 * group_size]; the weights' own zero point is 0, and 8 are among the `weight_bits`. `groups` are
 * those of channels. */
struct edgeq_conv2d_groups_params {
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
    int32_t groups;
    int32_t input_offset;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    int32_t weight_bits;
    int32_t group_size;
    const int8_t *weights;
    const uint8_t *factors;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

struct edgeq_conv2d_groups_s16_params {
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
    int32_t groups;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    int32_t weight_bits;
    int32_t group_size;
    const int8_t *weights;
    const uint8_t *factors;
    const int64_t *bias;
    const int16_t *multiplier;
    const int8_t *shift;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

/* The integers of the kernel for Arm's DSP extension and weights of 4 bits in groups: rows
 * [row_begin, row_end) of the output, all channels in one group. `weights`, `factors`, `bias`, one
 * row per region, and `stages` are as struct edgeq_grouped_rows has them (isa/grouped_rows.h). The
 * input's zero point is in the bias; padded taps read `input_zero`. */
struct edgeq_conv2d_groups_dsp_params {
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
    int32_t row_begin;
    int32_t row_end;
    int32_t input_zero;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    int32_t group_size;
    const int32_t *weights;
    const uint8_t *factors;
    const int32_t *bias;
    const int32_t *stages;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

/* The integers of the kernel for Arm's DSP extension: rows [row_begin, row_end) of the output, all
 * channels in one group. `weights`, with an output stage behind those of four channels each, and
 * `bias`, one row per region, are as struct edgeq_rows_2x4 has them. The input's zero point is in
 * the bias; padded taps read `input_zero`. The windows of the outputs in rows [inside_top,
 * inside_bottom) and columns [inside_left, inside_right) lie whole in the image, tap by tap. `sums`
 * are words of sums of inputs behind the inputs (isa/sums.h). For the long kernel, whose sums need
 * more than 24 bits, `bias` is doubled instead. For the kernels of narrow weights `weights` and
 * `bias` are as isa/narrow_2x4.h has them; the last of `sums` is the offset, the others are 0. */
struct edgeq_conv2d_dsp_params {
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
    int32_t row_begin;
    int32_t row_end;
    int32_t input_zero;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    int32_t inside_top;
    int32_t inside_bottom;
    int32_t inside_left;
    int32_t inside_right;
    int32_t sums;
    const int32_t *weights;
    const int32_t *bias;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

/* The integers of depthwise convolutions for Arm's DSP extension: rows [row_begin, row_end) of the
 * output, with one output channel for each of at least four input channels. `weights` are doubled
 * halfwords: of each four channels, the last of which are the last four, and each two taps a word
 * per channel. `bias` has one row per region, doubled; zero points are in it, and padded taps read
 * `input_zero`. Where the stage of a channel wants it, both are shifted further to the left.
 * `stages` has three words per channel (stage.h). Of less than 8 `weight_bits`, `weights` are the
 * same numbers, not shifted, packed in words; the second byte of a stage's shift says by how much
 * they are to be shifted to the left. */
struct edgeq_depthwise_dsp_params {
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
    int32_t row_begin;
    int32_t row_end;
    int32_t input_zero;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    int32_t weight_bits;
    const int32_t *weights;
    const int32_t *bias;
    const int32_t *stages;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

/* The integers of 3x3 depthwise convolutions for Arm's DSP extension. A line is a row of the image
 * or, where `lines` are its columns, a column; its pixels are neighbours. Lines [line_begin,
 * line_end) of the output are computed, `filling` at a time. `stride` (1 or 2) is along a line,
 * `line_stride` across. Steps are bytes. Two neighbours are a column of the planes; there are
 * `columns`, in this order: padding; padding and the first pixel (1 or 0 of these); pixels; the
 * last pixel and padding (1 or 0); padding, which reads `input_zero`. `filters` has ten words per
 * channel (isa/depthwise_3x3.h), or of less than 8 `weight_bits` five or four
 * (conv2d/narrow_filters.h); zero points are in the bias. At least four channels. The output may be
 * in the input's place. */
struct edgeq_depthwise_3x3_params {
    int32_t batches;
    int32_t channels;
    int32_t in_lines;
    int32_t in_length;
    int32_t in_step;
    int32_t in_line_step;
    int32_t out_lines;
    int32_t out_length;
    int32_t out_step;
    int32_t out_line_step;
    int32_t line_begin;
    int32_t line_end;
    int32_t stride;
    int32_t line_stride;
    int32_t line_pad;
    int32_t filling;
    int32_t columns;
    int32_t columns_before;
    int32_t column_first;
    int32_t columns_whole;
    int32_t column_last;
    int32_t columns_behind;
    int32_t input_zero;
    int32_t act_min;
    int32_t act_max;
    int32_t weight_bits;
    const int32_t *filters;
};

/* The integers of Winograd's convolutions: 3x3 filters, one group of channels, rows [row_begin,
 * row_end) of the output. `weights` are transformed, and in the order in which edgeq_products_2x4
 * reads them. `bias` has one row of out_c values per region, doubled for F(2x2), times 64 modulo
 * 2^32 for F(4x4); the input's zero point is in it, and padded taps read `input_zero`. `stages` has
 * three words per channel (stage.h). */
struct edgeq_conv2d_winograd_params {
    int32_t batches;
    int32_t in_h;
    int32_t in_w;
    int32_t in_c;
    int32_t out_h;
    int32_t out_w;
    int32_t out_c;
    int32_t pad_top;
    int32_t pad_left;
    int32_t row_begin;
    int32_t row_end;
    int32_t input_zero;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    const int32_t *weights;
    const int32_t *bias;
    const int32_t *stages;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

/* The integers of the kernel for cores without SIMD: rows [row_begin, row_end) of the output, all
 * channels in one group. A filter is a channel's weights, in the order in which edgeq_pair_channels
 * reads them, and a stage (isa/ramp.h), which is no ramp for `products` channels. Its bias has the
 * input's zero point in it, and padded taps read `input_zero`. Where the bias differs by region,
 * all of it is in `bias`, one row of out_c values per region; otherwise that is null. */
struct edgeq_conv2d_swar_params {
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
    int32_t row_begin;
    int32_t row_end;
    int32_t input_zero;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    int32_t products;
    const int32_t *filters;
    const int32_t *bias;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

/* The integers of the kernel for Arm's MVE: rows [row_begin, row_end) of the output, all channels
 * in one group. `weights` and `stages` (one row per region) are in the order in which
 * edgeq_mve_run_tile reads them, out_c rounded up to a multiple of 4; the zero point of the input
 * is in the stages, and padded taps read `input_zero`. Taps are
 * counted column by column. Rows of the output are computed from copies of their inputs, of
 * `strip_bytes` each, so many `strips` at a time; where a pixel has less than 16 channels, `lanes`
 * may have the places of the bytes of a vector of pixels in a strip. The kernel for weights of 4
 * bits reads them as edgeq_mve_run_packed_tiles does. */
struct edgeq_conv2d_mve_params {
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
    int32_t row_begin;
    int32_t row_end;
    int32_t input_zero;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    int32_t output_offset;
    int32_t strips;
    int32_t strip_bytes;
    const int8_t *weights;
    const int32_t *stages;
    const uint8_t *lanes;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

/* The integers of depthwise convolutions for cores without SIMD. A line is a row of the image or,
 * where `lines` are its columns, a column. Lines [line_begin, line_end) of the output are computed,
 * strip_lines at a time, each in two halves of `half` outputs; `half_stride` input pixels lie
 * between the halves. `stride` is along a line, `line_stride` across. Steps are bytes; padded taps
 * read `input_zero`. Strips have `columns` columns of `depth` lines (conv2d/strip_swar.h).
 * `weights` has kernel_lines * kernel_length values per channel, line by line within a column,
 * packed where they have less than 8 bits; `stages` five words (isa/ramp.h), with the input's zero
 * point in the biases. Where the bias differs by position, all of it is in `bias`, one row of
 * `channels` values per region: that of an output begins at line_region[line] + region[place in the
 * line]; otherwise these are null. The output may be at the input's place. */
struct edgeq_depthwise_swar_params {
    int32_t batches;
    int32_t channels;
    int32_t in_bytes;
    int32_t out_bytes;
    int32_t in_lines;
    int32_t in_length;
    int32_t in_step;
    int32_t in_line_step;
    int32_t out_length;
    int32_t out_step;
    int32_t out_line_step;
    int32_t line_begin;
    int32_t line_end;
    int32_t kernel_lines;
    int32_t kernel_length;
    int32_t stride;
    int32_t line_stride;
    int32_t pad;
    int32_t line_pad;
    int32_t half;
    int32_t half_stride;
    int32_t strip_lines;
    int32_t columns;
    int32_t depth;
    int32_t input_zero;
    int32_t act_min;
    int32_t act_max;
    int32_t weight_bits;
    const int8_t *weights;
    const int32_t *stages;
    const int32_t *bias;
    const int32_t *line_region;
    const int32_t *region;
};

/* The integers of the depthwise kernel for Arm's MVE: rows [row_begin, row_end) of the output, as
 * many channels as the input has. The rows of a window are taken in `bands` of four, the words of
 * which take `band_bytes`, all of them `words_bytes`; a window has more_words + 1 vectors, the
 * places of all but the first in `places`. `weights` and `stages` (one row per region) are in the
 * order in which the functions of isa/mve_columns.h read them, weights_step per channel; with
 * `in_blocks` they are those of edgeq_mve_run_blocks. The zero point of the input is in the stages,
 * and padded taps read `input_zero`. The kernel for weights of 4 bits reads them as the functions
 * for packed weights do. */
struct edgeq_depthwise_mve_params {
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
    int32_t row_begin;
    int32_t row_end;
    int32_t input_zero;
    int32_t act_min;
    int32_t act_max;
    int32_t bias_cols;
    int32_t output_offset;
    int32_t bands;
    int32_t band_bytes;
    int32_t words_bytes;
    int32_t more_words;
    int32_t weights_step;
    int32_t in_blocks;
    const int8_t *weights;
    const int32_t *stages;
    const int32_t *places;
    const uint8_t *bias_row;
    const uint8_t *bias_col;
};

void edgeq_conv2d_s8(const struct edgeq_conv2d_params *params, const int8_t *input, int8_t *output);
void edgeq_conv2d_s8__dsp(const struct edgeq_conv2d_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_conv2d_s8_long__dsp(const struct edgeq_conv2d_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_conv2d_w4_s8__dsp(const struct edgeq_conv2d_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_conv2d_w3_s8__dsp(const struct edgeq_conv2d_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_conv2d_w2_s8__dsp(const struct edgeq_conv2d_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_conv2d_w1_s8__dsp(const struct edgeq_conv2d_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_conv2d_s8_winograd2__dsp(const struct edgeq_conv2d_winograd_params *params,
    const int8_t *input, int8_t *output, void *scratch);
void edgeq_conv2d_s8_winograd4__dsp(const struct edgeq_conv2d_winograd_params *params,
    const int8_t *input, int8_t *output, void *scratch);
void edgeq_conv2d_s8__swar(const struct edgeq_conv2d_swar_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_conv2d_w4_s8__swar(const struct edgeq_conv2d_swar_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_conv2d_w2_s8__swar(const struct edgeq_conv2d_swar_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_conv2d_w1_s8__swar(const struct edgeq_conv2d_swar_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_conv2d_s8__mve(const struct edgeq_conv2d_mve_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_conv2d_w4_s8__mve(const struct edgeq_conv2d_mve_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_conv2d_few_s8__swar(const struct edgeq_conv2d_swar_params *params, const int8_t *input,
    int8_t *output, void *scratch);
void edgeq_conv2d_s8_s16(
    const struct edgeq_conv2d_params *params, const int8_t *input, int16_t *output);
void edgeq_conv2d_s16_s8(
    const struct edgeq_conv2d_s16_params *params, const int16_t *input, int8_t *output);
void edgeq_conv2d_s16(
    const struct edgeq_conv2d_s16_params *params, const int16_t *input, int16_t *output);
void edgeq_depthwise_conv2d_s8(
    const struct edgeq_conv2d_params *params, const int8_t *input, int8_t *output);
void edgeq_depthwise_conv2d_planes_s8(
    const struct edgeq_conv2d_params *params, const int8_t *input, int8_t *output, void *scratch);
void edgeq_depthwise_conv2d_s8__dsp(const struct edgeq_depthwise_dsp_params *params,
    const int8_t *input, int8_t *output, void *scratch);
void edgeq_depthwise_conv2d_3x3_s8__dsp(const struct edgeq_depthwise_3x3_params *params,
    const int8_t *input, int8_t *output, void *scratch);
void edgeq_depthwise_conv2d_3x3_lean_s8__dsp(const struct edgeq_depthwise_3x3_params *params,
    const int8_t *input, int8_t *output, void *scratch);
void edgeq_depthwise_conv2d_narrow_s8__dsp(const struct edgeq_depthwise_dsp_params *params,
    const int8_t *input, int8_t *output, void *scratch);
void edgeq_depthwise_conv2d_3x3_narrow_s8__dsp(const struct edgeq_depthwise_3x3_params *params,
    const int8_t *input, int8_t *output, void *scratch);
void edgeq_depthwise_conv2d_3x3_lean_narrow_s8__dsp(const struct edgeq_depthwise_3x3_params *params,
    const int8_t *input, int8_t *output, void *scratch);
void edgeq_depthwise_conv2d_s8__swar(const struct edgeq_depthwise_swar_params *params,
    const int8_t *input, int8_t *output, void *scratch);
void edgeq_depthwise_conv2d_narrow_s8__swar(const struct edgeq_depthwise_swar_params *params,
    const int8_t *input, int8_t *output, void *scratch);
void edgeq_depthwise_conv2d_s8__mve(const struct edgeq_depthwise_mve_params *params,
    const int8_t *input, int8_t *output, void *scratch);
void edgeq_depthwise_conv2d_w4_s8__mve(const struct edgeq_depthwise_mve_params *params,
    const int8_t *input, int8_t *output, void *scratch);
void edgeq_depthwise_conv2d_s8_s16(
    const struct edgeq_conv2d_params *params, const int8_t *input, int16_t *output);
void edgeq_depthwise_conv2d_s16_s8(
    const struct edgeq_conv2d_s16_params *params, const int16_t *input, int8_t *output);
void edgeq_depthwise_conv2d_s16(
    const struct edgeq_conv2d_s16_params *params, const int16_t *input, int16_t *output);
void edgeq_conv2d_packed_s8(
    const struct edgeq_conv2d_params *params, const int8_t *input, int8_t *output);
void edgeq_conv2d_packed_s8_s16(
    const struct edgeq_conv2d_params *params, const int8_t *input, int16_t *output);
void edgeq_conv2d_packed_s16_s8(
    const struct edgeq_conv2d_s16_params *params, const int16_t *input, int8_t *output);
void edgeq_conv2d_packed_s16(
    const struct edgeq_conv2d_s16_params *params, const int16_t *input, int16_t *output);
void edgeq_depthwise_conv2d_packed_s8(
    const struct edgeq_conv2d_params *params, const int8_t *input, int8_t *output);
void edgeq_depthwise_conv2d_packed_s8_s16(
    const struct edgeq_conv2d_params *params, const int8_t *input, int16_t *output);
void edgeq_depthwise_conv2d_packed_s16_s8(
    const struct edgeq_conv2d_s16_params *params, const int16_t *input, int8_t *output);
void edgeq_depthwise_conv2d_packed_s16(
    const struct edgeq_conv2d_s16_params *params, const int16_t *input, int16_t *output);
void edgeq_conv2d_groups_s8(
    const struct edgeq_conv2d_groups_params *params, const int8_t *input, int8_t *output);
void edgeq_conv2d_groups_s8_s16(
    const struct edgeq_conv2d_groups_params *params, const int8_t *input, int16_t *output);
void edgeq_conv2d_groups_s16_s8(
    const struct edgeq_conv2d_groups_s16_params *params, const int16_t *input, int8_t *output);
void edgeq_conv2d_groups_s16(
    const struct edgeq_conv2d_groups_s16_params *params, const int16_t *input, int16_t *output);
void edgeq_conv2d_groups_w4_s8__dsp(const struct edgeq_conv2d_groups_dsp_params *params,
    const int8_t *input, int8_t *output, void *scratch);

#endif
