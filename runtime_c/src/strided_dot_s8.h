/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_STRIDED_DOT_S8_H
#define EDGEQ_STRIDED_DOT_S8_H

#include "out_of_line.h"
#include "packed_weights.h"

#include <stdint.h>

/* Values with a common distance, and what is added to each. */
struct edgeq_series {
    const int8_t *first;
    int32_t step;
    int32_t offset;
};

/* `sum` and the products of `count` inputs and weights. */
static EDGEQ_OUT_OF_LINE int32_t edgeq_add_strided_products_s8(
    int32_t sum, struct edgeq_series inputs, struct edgeq_series weights, int32_t count)
{
    for (; count > 0; count--, inputs.first += inputs.step, weights.first += weights.step) {
        sum += (*inputs.first + inputs.offset) * (*weights.first + weights.offset);
    }
    return sum;
}

/* The same with weights of `bits` bits, from number `first` on, `step` apart. */
static inline int32_t edgeq_add_strided_packed_products_s8(int32_t sum, struct edgeq_series inputs,
    struct edgeq_series weights, int32_t first, int32_t count, int32_t bits)
{
    for (; count > 0; count--, inputs.first += inputs.step, first += weights.step) {
        int32_t weight = edgeq_packed_weight(weights.first, first, bits);
        sum += (*inputs.first + inputs.offset) * (weight + weights.offset);
    }
    return sum;
}

#endif
