/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "conv2d/depthwise_s16.h"

void edgeq_depthwise_conv2d_s16_s8(
    const struct edgeq_conv2d_s16_params *params, const int16_t *input, int8_t *output)
{
    edgeq_depthwise_of_s16(params, input, output, (int32_t)sizeof *output, 0);
}
