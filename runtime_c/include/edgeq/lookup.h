/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_LOOKUP_H
#define EDGEQ_LOOKUP_H

#include <stdint.h>

/* `table` has the output for each of the inputs -128 .. 127, in this order. The output may be the
 * same memory as the input. */
struct edgeq_lookup_params {
    int32_t count;
    const int8_t *table;
};

void edgeq_lookup_s8(const struct edgeq_lookup_params *params, const int8_t *input, int8_t *output);

#endif
