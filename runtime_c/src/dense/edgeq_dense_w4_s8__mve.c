/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/dense.h"

#include "dense/dense_s8_mve.h"

void edgeq_dense_w4_s8__mve(
    const struct edgeq_dense_mve_params *params, const int8_t *input, int8_t *output, void *scratch)
{
    edgeq_dense_of_s8_mve(params, input, output, scratch, 1);
}
