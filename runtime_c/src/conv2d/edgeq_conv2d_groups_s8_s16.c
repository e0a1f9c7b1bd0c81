/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "conv2d/conv_groups_s8.h"

void edgeq_conv2d_groups_s8_s16(
    const struct edgeq_conv2d_groups_params *params, const int8_t *input, int16_t *output)
{
    edgeq_conv_groups_of_s8(params, input, output, (int32_t)sizeof *output);
}
