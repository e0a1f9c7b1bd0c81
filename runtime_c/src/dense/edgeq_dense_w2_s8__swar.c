/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/dense.h"

#define EDGEQ_WEIGHT_BITS 2
#include "isa/narrow_rows.h"

#include "dense/dense_s8_swar.h"

void edgeq_dense_w2_s8__swar(const struct edgeq_dense_swar_params *params, const int8_t *input,
    int8_t *output, void *scratch)
{
    edgeq_dense_swar(params, input, output, scratch);
}
