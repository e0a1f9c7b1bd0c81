/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/dense.h"

#include "dense/dense_groups_s16.h"

void edgeq_dense_groups_s16(
    const struct edgeq_dense_groups_s16_params *params, const int16_t *input, int16_t *output)
{
    edgeq_dense_groups_of_s16(params, input, output, (int32_t)sizeof *output);
}
