/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/dense.h"

#include "dense/dense_groups_s8.h"

void edgeq_dense_groups_s8_s16(
    const struct edgeq_dense_groups_params *params, const int8_t *input, int16_t *output)
{
    edgeq_dense_groups_of_s8(params, input, output, (int32_t)sizeof *output);
}
