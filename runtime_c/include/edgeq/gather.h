/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_GATHER_H
#define EDGEQ_GATHER_H

#include <stdint.h>

/* The input is batches x outer x axis_size runs of run_bytes bytes, the output batches x outer x
 * count of them. The batches x count indices pick runs along the axis; those beyond either end of
 * it pick the run at that end. */
struct edgeq_gather_params {
    int32_t batches;
    int32_t outer;
    int32_t axis_size;
    int32_t count;
    int32_t run_bytes;
};

void edgeq_gather_x8(const struct edgeq_gather_params *params, const void *input1,
    const int32_t *input2, void *output);

#endif
