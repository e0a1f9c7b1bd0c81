/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "conv2d/sum_pixel_dsp.h"
#include "isa/dot_2x4.h"

static inline void edgeq_multiply_pixels(const struct edgeq_rows_2x4 *rows)
{
    edgeq_multiply_2x4(rows);
}

#include "conv2d/conv_s8_dsp.h"

void edgeq_conv2d_s8__dsp(const struct edgeq_conv2d_dsp_params *params, const int8_t *input,
    int8_t *output, void *scratch)
{
    edgeq_conv_s8_dsp(params, input, output, scratch);
}
