/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

/* Six lines of output from one filling of the planes, and linear stages
 * (edgeq/kernels/linear_stages.py). */
#define EDGEQ_PLANE_LINES 8
#define EDGEQ_LINEAR_SHIFT 12

#include "conv2d/wide_filters.h"

#include "conv2d/depthwise_3x3_dsp.h"

void edgeq_depthwise_conv2d_3x3_s8__dsp(const struct edgeq_depthwise_3x3_params *params,
    const int8_t *input, int8_t *output, void *scratch)
{
    edgeq_depthwise_3x3(params, input, output, scratch);
}
