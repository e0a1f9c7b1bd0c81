/* SPDX-License-Identifier: Apache-2.0 */
#include "bipolar/dense_bits.h"

void edgeq_bipolar_dense_s8(const struct edgeq_bipolar_dense_params *params, const uint32_t *input,
    int8_t *output, void *scratch)
{
    edgeq_dense_of_bits(params, input, output, scratch, 1);
}
