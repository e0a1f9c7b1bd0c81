/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "conv2d/conv_groups_s16.h"

void edgeq_conv2d_groups_s16_s8(
    const struct edgeq_conv2d_groups_s16_params *params, const int16_t *input, int8_t *output)
{
    edgeq_conv_groups_of_s16(params, input, output, (int32_t)sizeof *output);
}
