/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "conv2d/depthwise_s8_dsp.h"
#include "packed_weights.h"

/* A weight, shifted to the left as the second byte of its channel's shift says. */
static int32_t scaled(const struct edgeq_depthwise_dsp_params *p, int32_t index, int32_t channel)
{
    int32_t weight = edgeq_packed_weight((const int8_t *)p->weights, index, p->weight_bits);
    return weight * (1 << (p->stages[channel * EDGEQ_STAGE_WORDS + EDGEQ_STAGE_SHIFT] >> 8));
}

/* The weights of all channels as edgeq_add_taps reads them; returns what is behind them. Where
 * channels do not make four, the last four; of an odd number of taps, the one beside the last has
 * none. */
static int32_t *unpack(const struct edgeq_depthwise_dsp_params *p, int32_t *to)
{
    const int32_t taps = p->kernel_h * p->kernel_w;
    int32_t index = 0;
    for (int32_t c = 0; c < p->in_c; c += EDGEQ_QUAD) {
        int32_t from = c < p->in_c - EDGEQ_QUAD ? c : p->in_c - EDGEQ_QUAD;
        for (int32_t tap = 0; tap < taps; tap += 2) {
            for (int32_t i = 0; i < EDGEQ_QUAD; i++, index += 2) {
                int32_t second = tap + 1 < taps ? scaled(p, index + 1, from + i) : 0;
                *to++ = edgeq_lower_halves(scaled(p, index, from + i), second);
            }
        }
    }
    return to;
}

void edgeq_depthwise_conv2d_narrow_s8__dsp(const struct edgeq_depthwise_dsp_params *params,
    const int8_t *input, int8_t *output, void *scratch)
{
    int32_t *weights = scratch;
    edgeq_depthwise_s8_dsp(params, weights, input, output, unpack(params, weights));
}
