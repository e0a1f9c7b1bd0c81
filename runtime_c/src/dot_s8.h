/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_DOT_S8_H
#define EDGEQ_DOT_S8_H

#include "out_of_line.h"
#include "packed_weights.h"

#include <stdint.h>

/* What is added to the factors of a product. */
struct edgeq_offsets {
    int32_t input;
    int32_t weight;
};

static inline int32_t edgeq_product_s8(
    const int8_t *input, const int8_t *weights, struct edgeq_offsets offsets)
{
    return (*input + offsets.input) * (*weights + offsets.weight);
}

/* `sum` and the products of `count` inputs and weights that lie side by side. */
static EDGEQ_OUT_OF_LINE int32_t edgeq_add_products_s8(int32_t sum, const int8_t *input,
    const int8_t *weights, int32_t count, struct edgeq_offsets offsets)
{
    for (; count >= 4; count -= 4, input += 4, weights += 4) {
        sum += edgeq_product_s8(input, weights, offsets);
        sum += edgeq_product_s8(input + 1, weights + 1, offsets);
        sum += edgeq_product_s8(input + 2, weights + 2, offsets);
        sum += edgeq_product_s8(input + 3, weights + 3, offsets);
    }
    for (; count > 0; count--) {
        sum += edgeq_product_s8(input++, weights++, offsets);
    }
    return sum;
}

/* The same with weights of `bits` bits, from number `first` on. */
static inline int32_t edgeq_add_packed_products_s8(int32_t sum, const int8_t *input,
    const int8_t *weights, int32_t first, int32_t count, int32_t bits, struct edgeq_offsets offsets)
{
    for (const int8_t *end = input + count; input < end; input++, first++) {
        int32_t weight = edgeq_packed_weight(weights, first, bits);
        sum += (*input + offsets.input) * (weight + offsets.weight);
    }
    return sum;
}

#endif
