/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_STRIDED_COPY_H
#define EDGEQ_STRIDED_COPY_H

#include <stdint.h>

/* Slices, transposes and broadcasts: the output is one run of run_bytes bytes after the other, for
 * every position [i0, i1, ...] within `extents`; that run begins `offset + i0 * strides[0] + i1 *
 * strides[1] + ...` bytes into the input. `rank` is 1 to 8. */
struct edgeq_strided_copy_params {
    int32_t rank;
    int32_t run_bytes;
    int32_t offset;
    const int32_t *extents;
    const int32_t *strides;
};

void edgeq_strided_copy_x8(
    const struct edgeq_strided_copy_params *params, const void *input, void *output);

#endif
