/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#define EDGEQ_WEIGHT_BITS 3

#include "conv2d/conv_narrow_dsp.h"

void edgeq_conv2d_w3_s8__dsp(const struct edgeq_conv2d_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch)
{
    edgeq_conv_s8_dsp(params, input, output, scratch);
}
