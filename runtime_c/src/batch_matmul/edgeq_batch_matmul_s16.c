/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/batch_matmul.h"

#include "batch_matmul/matmul_s16.h"

void edgeq_batch_matmul_s16(const struct edgeq_batch_matmul_params *params, const int16_t *input1,
    const int16_t *input2, int16_t *output)
{
    edgeq_matmul_of_s16(params, input1, input2, output, (int32_t)sizeof *output);
}
