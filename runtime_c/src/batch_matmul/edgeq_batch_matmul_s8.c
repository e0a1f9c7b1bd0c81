/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/batch_matmul.h"

#include "batch_matmul/matmul_s8.h"

void edgeq_batch_matmul_s8(const struct edgeq_batch_matmul_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output)
{
    edgeq_matmul_of_s8(params, input1, input2, output, (int32_t)sizeof *output);
}
