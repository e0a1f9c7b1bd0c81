/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "conv2d/depthwise_s8_mve.h"

void edgeq_depthwise_conv2d_w4_s8__mve(const struct edgeq_depthwise_mve_params *params,
    const int8_t *input, int8_t *output, void *scratch)
{
    edgeq_depthwise_of_s8_mve(params, input, output, scratch, 1);
}
