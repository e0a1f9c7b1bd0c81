/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_PAD_H
#define EDGEQ_PAD_H

#include <stdint.h>

/* The input is one run of run_bytes bytes after the other, for every position [i0, i1, ...] within
 * `extents`; that run goes `offset + i0 * strides[0] + i1 * strides[1] + ...` bytes into the
 * output. What is left of the output's out_bytes bytes repeats the element_bytes bytes of `value`.
 * `rank` is 1 to 8; runs are in ascending order. */
struct edgeq_pad_params {
    int32_t rank;
    int32_t run_bytes;
    int32_t offset;
    int32_t out_bytes;
    int32_t element_bytes;
    const int32_t *extents;
    const int32_t *strides;
    const uint8_t *value;
};

void edgeq_pad_x8(const struct edgeq_pad_params *params, const void *input, void *output);

#endif
