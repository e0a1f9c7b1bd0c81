/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/elementwise.h"

#include "elementwise/plane_s8.h"

void edgeq_add_s8__swar(const struct edgeq_plane_params *params, const int8_t *input1,
    const int8_t *input2, int8_t *output)
{
    edgeq_plane_s8(params, input1, input2, output);
}
