/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_COPY_H
#define EDGEQ_COPY_H

#include <stdint.h>

struct edgeq_copy_params {
    int32_t bytes;
};

void edgeq_copy_x8(const struct edgeq_copy_params *params, const void *input, void *output);

#endif
