/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/dense.h"

#include "isa/grouped_rows.h"

void edgeq_dense_groups_w4_s8__dsp(const struct edgeq_dense_groups_dsp_params *params,
    const int8_t *input, int8_t *output, void *scratch)
{
    const struct edgeq_dense_groups_dsp_params *p = params;
    const struct edgeq_grouped_rows rows = {p->in_features / p->group_size, p->group_size,
        p->out_features, p->act_min, p->act_max, p->weights, p->factors, p->stages};
    for (int32_t b = 0; b < p->batches; b++, input += p->in_features, output += p->out_features) {
        edgeq_widen_groups(&rows, input, (int32_t *)scratch);
        edgeq_multiply_groups(&rows, (const int32_t *)scratch, p->bias, output);
    }
}
