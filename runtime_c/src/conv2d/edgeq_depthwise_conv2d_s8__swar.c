/* SPDX-License-Identifier: Apache-2.0 */
#include "conv2d/depthwise_s8_swar.h"

void edgeq_depthwise_conv2d_s8__swar(const struct edgeq_depthwise_swar_params *params,
    const int8_t *input, int8_t *output, void *scratch)
{
    edgeq_depthwise_swar(params, input, output, scratch, 0);
}
