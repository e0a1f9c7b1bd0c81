/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_RAMP_H
#define EDGEQ_ISA_RAMP_H

/* The output stage without long multiplications. Where it was shown to be the same for every sum, a
 * channel's requantization is a ramp: flat, then a slope, then flat. Otherwise it is that of
 * stage.h. */

#include "fixedpoint.h"
#include "stage.h"

#include <stdint.h>

/* The words of a channel: a bias; then a ramp or, where the second word is negative, its lower byte
 * and the next two words are those of stage.h, for sums shifted to the left by its second byte. */
enum {
    EDGEQ_RAMP_BIAS,
    EDGEQ_RAMP_LENGTH,
    EDGEQ_RAMP_HIGH,
    EDGEQ_RAMP_LOW,
    EDGEQ_RAMP_INTERCEPT,
    EDGEQ_RAMP_WORDS,
    EDGEQ_PRODUCT_SHIFT = EDGEQ_RAMP_LENGTH,
    EDGEQ_PRODUCT_MULTIPLIER,
    EDGEQ_PRODUCT_ADDEND
};

static inline int edgeq_has_ramp(const int32_t *words)
{
    return words[EDGEQ_RAMP_LENGTH] >= 0;
}

/* high + low / 2^13 is the slope, and the output the upper byte of the height, modulo 2^32; `sum`,
 * bias included, is counted from where the slope begins. */
static inline int8_t edgeq_ramp(int32_t sum, const int32_t *words)
{
    int32_t on = sum & ~(sum >> 31);
    uint32_t a = (uint32_t)(on > words[EDGEQ_RAMP_LENGTH] ? words[EDGEQ_RAMP_LENGTH] : on);
    uint32_t height = (a * (uint32_t)words[EDGEQ_RAMP_LOW]) >> 13;
    height += a * (uint32_t)words[EDGEQ_RAMP_HIGH] + (uint32_t)words[EDGEQ_RAMP_INTERCEPT];
    return (int8_t)(height >> 24);
}

/* The stage of a channel without a ramp. */
struct edgeq_product {
    int32_t factor; /* of sums: 2, shifted to the left */
    int32_t multiplier;
    int32_t addend;
    int32_t shift;
    int32_t low;
    int32_t high;
};

static inline struct edgeq_product edgeq_product_of(const int32_t *words, int32_t low, int32_t high)
{
    struct edgeq_product product = {2 << ((words[EDGEQ_PRODUCT_SHIFT] >> 8) & 0xFF),
        words[EDGEQ_PRODUCT_MULTIPLIER], words[EDGEQ_PRODUCT_ADDEND],
        (int8_t)words[EDGEQ_PRODUCT_SHIFT], low, high};
    return product;
}

static inline int8_t edgeq_product(int32_t sum, const struct edgeq_product *p)
{
    int32_t out = edgeq_stage(p->factor * sum, p->multiplier, p->addend, p->shift);
    return (int8_t)edgeq_clamp(out, p->low, p->high);
}

#endif
