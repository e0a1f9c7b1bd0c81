/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/pool.h"

#include "pool/span.h"

/* One window, all channels: `output` becomes the largest values between act_min and act_max. */
static void largest(const struct edgeq_pool_params *p, const int16_t *input, int16_t *output,
    struct edgeq_pool_span rows, struct edgeq_pool_span cols)
{
    /* Copied, as an element of the output may be a parameter for all the compiler knows. */
    const int32_t channels = p->channels;
    const int32_t act_max = p->act_max;
    for (int32_t c = 0; c < channels; c++) {
        output[c] = (int16_t)p->act_min;
    }
    for (int32_t y = rows.begin; y < rows.end; y++) {
        const int16_t *in = input + (y * p->in_w + cols.begin) * channels;
        for (int32_t x = cols.begin; x < cols.end; x++, in += channels) {
            for (int32_t c = 0; c < channels; c++) {
                output[c] = (int16_t)(in[c] > output[c] ? in[c] : output[c]);
            }
        }
    }
    for (int32_t c = 0; c < channels; c++) {
        output[c] = (int16_t)(output[c] > act_max ? act_max : output[c]);
    }
}

void edgeq_max_pool2d_s16(
    const struct edgeq_pool_params *params, const int16_t *input, int16_t *output)
{
    const struct edgeq_pool_params *p = params;
    for (int32_t b = 0; b < p->batches; b++, input += p->in_h * p->in_w * p->channels) {
        for (int32_t y = 0; y < p->out_h; y++) {
            struct edgeq_pool_span rows =
                edgeq_pool_span_of(y * p->stride_h - p->pad_top, p->in_h, p->kernel_h);
            for (int32_t x = 0; x < p->out_w; x++, output += p->channels) {
                struct edgeq_pool_span cols =
                    edgeq_pool_span_of(x * p->stride_w - p->pad_left, p->in_w, p->kernel_w);
                largest(p, input, output, rows, cols);
            }
        }
    }
}
