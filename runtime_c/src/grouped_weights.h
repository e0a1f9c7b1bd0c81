/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_GROUPED_WEIGHTS_H
#define EDGEQ_GROUPED_WEIGHTS_H

#include "packed_weights.h"

#include <stdint.h>

/* Weights of `bits` bits, 8 or packed. Of each output's, a group of `size` neighbours has a factor
 * in common. */
struct edgeq_grouped_weights {
    const int8_t *weights;
    const uint8_t *factors;
    int32_t bits;
    int32_t size;
};

/* Some neighbours of an output's weights: `count` of them, of which `place` is the first. The
 * output's own begin at number `row`, its factors at number `factor`. */
struct edgeq_weight_run {
    int32_t row;
    int32_t factor;
    int32_t place;
    int32_t count;
};

/* How many of a run's weights are in the group of its first. */
static inline int32_t edgeq_run_in_group(struct edgeq_weight_run run, int32_t size)
{
    int32_t left = size - run.place % size;
    return left < run.count ? left : run.count;
}

/* The products of a run of weights and inputs plus `offset`. */
static inline int32_t edgeq_grouped_products_s8(const struct edgeq_grouped_weights *w,
    struct edgeq_weight_run run, const int8_t *input, int32_t offset)
{
    int32_t acc = 0;
    while (run.count > 0) {
        int32_t count = edgeq_run_in_group(run, w->size);
        int32_t first = run.row + run.place;
        int32_t sum = 0;
        for (int32_t i = 0; i < count; i++) {
            sum += (*input++ + offset) * edgeq_packed_weight(w->weights, first + i, w->bits);
        }
        acc += sum * w->factors[run.factor + run.place / w->size];
        run.place += count;
        run.count -= count;
    }
    return acc;
}

/* The same for int16 inputs. */
static inline int64_t edgeq_grouped_products_s16(
    const struct edgeq_grouped_weights *w, struct edgeq_weight_run run, const int16_t *input)
{
    int64_t acc = 0;
    while (run.count > 0) {
        int32_t count = edgeq_run_in_group(run, w->size);
        int32_t first = run.row + run.place;
        int64_t sum = 0;
        for (int32_t i = 0; i < count; i++) {
            sum += *input++ * edgeq_packed_weight(w->weights, first + i, w->bits);
        }
        acc += sum * w->factors[run.factor + run.place / w->size];
        run.place += count;
        run.count -= count;
    }
    return acc;
}

#endif
