/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/copy.h"

#include <string.h>

void edgeq_copy_x8(const struct edgeq_copy_params *params, const void *input, void *output)
{
    memcpy(output, input, (size_t)params->bytes);
}
