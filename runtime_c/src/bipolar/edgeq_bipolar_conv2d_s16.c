/* SPDX-License-Identifier: Apache-2.0 */
#include "bipolar/conv_bits.h"

void edgeq_bipolar_conv2d_s16(const struct edgeq_bipolar_conv2d_params *params,
    const uint32_t *input, int16_t *output, void *scratch)
{
    edgeq_conv_of_bits(params, input, output, scratch, 2);
}
