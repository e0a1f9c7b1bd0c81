/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#define EDGEQ_WEIGHT_BITS 4
#include "isa/narrow_groups.h"

#include "conv2d/conv_s8_swar.h"

void edgeq_conv2d_w4_s8__swar(const struct edgeq_conv2d_swar_params *params, const int8_t *input,
    int8_t *output, void *scratch)
{
    edgeq_conv_swar(params, input, output, scratch);
}
