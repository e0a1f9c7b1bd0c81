/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "isa/winograd_4x4.h"
#include "isa/winograd_4x4_sums.h"

#include "conv2d/winograd.h"

void edgeq_conv2d_s8_winograd4__dsp(const struct edgeq_conv2d_winograd_params *params,
    const int8_t *input, int8_t *output, void *scratch)
{
    edgeq_winograd(params, input, output, scratch);
}
