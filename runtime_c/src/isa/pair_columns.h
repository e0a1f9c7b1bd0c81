/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_PAIR_COLUMNS_H
#define EDGEQ_ISA_PAIR_COLUMNS_H

/* The inner loop of depthwise convolutions: sums of products of pairs with single weights. */

#include "isa/ramp.h"
#include "isa/swar.h"

/* Two columns of outputs at a time, `apart` bytes from each other, and more such twos behind.
 *
 * A window begins at `x`: kernel_length columns, `depth` pairs apart, of kernel_lines pairs, each
 * with a weight in `taps`. The windows of the next line begin `line` pairs further, those of the
 * next columns `column` pairs. If `stage` (isa/ramp.h) is a ramp, outputs go to `out`, out_line
 * bytes further for the next line, out_column for the next columns; if not, sums go to `sums`. */
struct edgeq_columns {
    const int32_t *x;
    int32_t depth;
    int32_t line;
    int32_t column;
    const int32_t *taps;
    int32_t kernel_lines;
    int32_t kernel_length;
    const int32_t *stage;
    int8_t *out;
    int32_t apart;
    int32_t out_line;
    int32_t out_column;
    int32_t *sums;
};

/* Sums of products of pairs with weights: `both` is first + 2^16 * second, modulo 2^32. */
struct edgeq_pair_sums {
    uint32_t both;
    int32_t second;
};

/* Adds one or two products, which together need no more than 16 bits, so that they can be taken
 * apart: two weights that meet are not both -128. */
static inline void edgeq_add_products(struct edgeq_pair_sums *sums, uint32_t products)
{
    sums->both += products;
    sums->second += (int32_t)(products + 0x8000u) >> 16;
}

static inline uint32_t edgeq_scaled_pair(int32_t pair, int32_t weight)
{
    return (uint32_t)pair * (uint32_t)weight;
}

/* A window of any size. */
static inline struct edgeq_pair_sums edgeq_window_sums(
    const struct edgeq_columns *p, const int32_t *x)
{
    struct edgeq_pair_sums sums = {0, 0};
    const int32_t *taps = p->taps;
    for (int32_t kx = 0; kx < p->kernel_length; kx++, x += p->depth - p->kernel_lines) {
        for (int32_t left = p->kernel_lines; left > 0; left -= 2) {
            uint32_t products = edgeq_scaled_pair(*x++, *taps++);
            if (left > 1) {
                products += edgeq_scaled_pair(*x++, *taps++);
            }
            edgeq_add_products(&sums, products);
        }
    }
    return sums;
}

/* Sums of a window, in line i of a column, become two outputs, or go to p->sums and advance it. */
static inline void edgeq_finish_window(
    struct edgeq_columns *p, struct edgeq_pair_sums sums, int32_t i)
{
    int32_t first = (int32_t)(sums.both - ((uint32_t)sums.second << 16));
    first += p->stage[EDGEQ_RAMP_BIAS];
    int32_t second = sums.second + p->stage[EDGEQ_RAMP_BIAS];
    if (edgeq_has_ramp(p->stage)) {
        p->out[i * p->out_line] = edgeq_ramp(first, p->stage);
        p->out[i * p->out_line + p->apart] = edgeq_ramp(second, p->stage);
    } else {
        *p->sums++ = first;
        *p->sums++ = second;
    }
}

/* `lines` lines of `count` times two columns. */
static inline void edgeq_pair_columns(
    const struct edgeq_columns *columns, int32_t lines, int32_t count)
{
    struct edgeq_columns p = *columns;
    for (; count > 0; count--, p.x += p.column, p.out += p.out_column) {
        for (int32_t i = 0; i < lines; i++) {
            edgeq_finish_window(&p, edgeq_window_sums(&p, p.x + i * p.line), i);
        }
    }
}

#endif
