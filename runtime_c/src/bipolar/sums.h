/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_BIPOLAR_SUMS_H
#define EDGEQ_BIPOLAR_SUMS_H

/* What becomes of sums: bits, or what the output stage makes of them. */

#include "fixedpoint.h"
#include "bipolar/bits.h"
#include "store.h"

/* The fields of these names of the kernel's parameters. */
struct edgeq_sum_stage {
    const int32_t *multiplier;
    const int8_t *shift;
    int32_t output_offset;
    int32_t act_min;
    int32_t act_max;
};

/* Outputs in their order. */
struct edgeq_sum_writer {
    struct edgeq_sum_stage stage;
    struct edgeq_bit_writer bits;
    void *output;
    int32_t written;
};

static inline struct edgeq_sum_writer edgeq_write_sums(struct edgeq_sum_stage stage, void *output)
{
    return (struct edgeq_sum_writer){stage, edgeq_write_bits((uint32_t *)output), output, 0};
}

/* The sum of channel o; `bytes` of an output are 1 or 2, or 0 for bits. It is a constant where a
 * kernel calls, so that the compiler drops the branches. */
static inline void edgeq_write_sum(
    struct edgeq_sum_writer *writer, int32_t o, int32_t sum, int32_t bytes)
{
    if (bytes == 0) {
        edgeq_write_bit(&writer->bits, sum >= 0);
    } else {
        const struct edgeq_sum_stage *stage = &writer->stage;
        int32_t out = edgeq_output_stage(sum, stage->multiplier[o], stage->shift[o],
            stage->output_offset, stage->act_min, stage->act_max);
        edgeq_store(writer->output, writer->written++, out, bytes);
    }
}

static inline void edgeq_end_sums(const struct edgeq_sum_writer *writer, int32_t bytes)
{
    if (bytes == 0) {
        edgeq_end_bits(&writer->bits);
    }
}

#endif
