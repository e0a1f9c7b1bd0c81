/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/conv2d.h"

#include "conv2d/depthwise_s8_dsp.h"
#include "packed_weights.h"

/* A doubled weight. */
static int32_t twice(const int32_t *weights, int32_t index, int32_t bits)
{
    return 2 * edgeq_packed_weight((const int8_t *)weights, index, bits);
}

/* The weights of all channels as edgeq_add_taps reads them; returns what is behind them. Of an odd
 * number of taps, the one beside the last has none. */
static int32_t *unpack(const struct edgeq_depthwise_dsp_params *p, int32_t *to)
{
    const int32_t taps = p->kernel_h * p->kernel_w;
    int32_t index = 0;
    for (int32_t c = 0; c < p->in_c; c += EDGEQ_QUAD) {
        for (int32_t tap = 0; tap < taps; tap += 2) {
            for (int32_t i = 0; i < EDGEQ_QUAD; i++, index += 2) {
                int32_t second = tap + 1 < taps ? twice(p->weights, index + 1, p->weight_bits) : 0;
                *to++ = edgeq_lower_halves(twice(p->weights, index, p->weight_bits), second);
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
