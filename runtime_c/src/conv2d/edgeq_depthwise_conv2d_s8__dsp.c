/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "conv2d/depthwise_s8_dsp.h"

void edgeq_depthwise_conv2d_s8__dsp(const struct edgeq_depthwise_dsp_params *params,
    const int8_t *input, int8_t *output, void *scratch)
{
    edgeq_depthwise_s8_dsp(params, params->weights, input, output, scratch);
}
