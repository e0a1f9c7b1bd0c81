/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_REQUANTIZE_ONE_H
#define EDGEQ_REQUANTIZE_ONE_H

#include "edgeq/requantize.h"
#include "fixedpoint.h"

/* One element. `p` points at a local copy: bytes written to the output could otherwise be the
 * parameters, as far as the compiler knows, and every element would load them again. */
static inline int32_t edgeq_requantize_one(const struct edgeq_requantize_params *p, int32_t x)
{
    return edgeq_output_stage(
        x + p->input_offset, p->multiplier, p->shift, p->output_offset, p->out_min, p->out_max);
}

#endif
