/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_RESIZE_H
#define EDGEQ_RESIZE_H

#include <stdint.h>

/* Output row y is input row rows[y], output column x is input column columns[x]. */
struct edgeq_resize_nearest_params {
    int32_t batches;
    int32_t in_h;
    int32_t in_w;
    int32_t out_h;
    int32_t out_w;
    int32_t pixel_bytes;
    const int16_t *rows;
    const int16_t *columns;
};

/* Output row y lies row_weights[y] / 1024 of the way from input row rows[y] to the next; columns
 * likewise. A weight of 0 needs no next one. */
struct edgeq_resize_bilinear_params {
    int32_t batches;
    int32_t in_h;
    int32_t in_w;
    int32_t channels;
    int32_t out_h;
    int32_t out_w;
    const int16_t *rows;
    const int16_t *row_weights;
    const int16_t *columns;
    const int16_t *column_weights;
};

void edgeq_resize_nearest_x8(
    const struct edgeq_resize_nearest_params *params, const void *input, void *output);
void edgeq_resize_bilinear_s8(
    const struct edgeq_resize_bilinear_params *params, const int8_t *input, int8_t *output);
void edgeq_resize_bilinear_s16(
    const struct edgeq_resize_bilinear_params *params, const int16_t *input, int16_t *output);

#endif
