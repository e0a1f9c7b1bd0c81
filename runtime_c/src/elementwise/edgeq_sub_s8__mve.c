/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/elementwise.h"

#include "elementwise/sum_s8_mve.h"

void edgeq_sub_s8__mve(const struct edgeq_add_dsp_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output)
{
    edgeq_sum_of_s8_mve(params, input1, input2, params->wide == 1 ? 1 : -1, output);
}
