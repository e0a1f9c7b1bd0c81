/* SPDX-License-Identifier: Apache-2.0 */
#include "batch_matmul/matmul_packed.h"

void edgeq_batch_matmul_packed_s8_s16(const struct edgeq_batch_matmul_params *params,
    const int8_t *input1, const int8_t *input2, int16_t *output)
{
    edgeq_matmul_of_packed(
        params, input1, (int32_t)sizeof *input1, input2, output, (int32_t)sizeof *output);
}
