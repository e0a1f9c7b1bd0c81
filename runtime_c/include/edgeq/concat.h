/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONCAT_H
#define EDGEQ_CONCAT_H

#include <stdint.h>

/* Input i consists of `outer` runs of run_bytes[i] bytes; run k of the output is run k of every
 * input in turn. */
struct edgeq_concat_params {
    int32_t count;
    int32_t outer;
    const int32_t *run_bytes;
};

void edgeq_concat_x8(
    const struct edgeq_concat_params *params, const void *const *inputs, void *output);

#endif
