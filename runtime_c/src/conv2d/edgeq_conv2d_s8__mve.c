/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "conv2d/conv_s8_mve.h"

void edgeq_conv2d_s8__mve(const struct edgeq_conv2d_mve_params *params, const int8_t *input,
    int8_t *output, void *scratch)
{
    edgeq_conv_of_s8_mve(params, input, output, scratch, 0);
}
