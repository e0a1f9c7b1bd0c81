/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/transpose_conv2d.h"

#include "transpose_conv2d/transpose_s8.h"

void edgeq_transpose_conv2d_s8(
    const struct edgeq_transpose_conv2d_params *params, const int8_t *input, int8_t *output)
{
    edgeq_transpose_of_s8(params, input, output, (int32_t)sizeof *output);
}
