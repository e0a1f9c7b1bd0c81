/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_MIRROR_PAD_H
#define EDGEQ_MIRROR_PAD_H

#include <stdint.h>

/* Elements of run_bytes bytes; the input has `extents` of them, the output `out_extents`, `before`
 * of which come before the input. `overlap` is 1 where the outermost element is the mirror's axis
 * and is not repeated, else 0. `rank` is 1 to 8. */
struct edgeq_mirror_pad_params {
    int32_t rank;
    int32_t run_bytes;
    int32_t overlap;
    const int32_t *extents;
    const int32_t *out_extents;
    const int32_t *before;
};

void edgeq_mirror_pad_x8(
    const struct edgeq_mirror_pad_params *params, const void *input, void *output);

#endif
