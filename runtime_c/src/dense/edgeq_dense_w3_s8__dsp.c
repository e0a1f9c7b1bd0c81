/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/dense.h"

#define EDGEQ_WEIGHT_BITS 3

#include "dense/dense_narrow_dsp.h"

void edgeq_dense_w3_s8__dsp(
    const struct edgeq_dense_dsp_params *params, const int8_t *input, int8_t *output, void *scratch)
{
    edgeq_dense_narrow_dsp(params, input, output, scratch);
}
