/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_POOL_MEAN_S8_H
#define EDGEQ_POOL_MEAN_S8_H

#include "edgeq/pool.h"
#include "fixedpoint.h"

/* The mean of `count` values, rounded to nearest, halves away from `halves_from`; clamped. */
static inline int8_t edgeq_mean_s8(const struct edgeq_pool_params *p, int32_t sum, int32_t count)
{
    int32_t total = sum - count * p->halves_from;
    int32_t half = count / 2;
    int32_t rounded = (total > 0 ? total + half : total - half) / count;
    return (int8_t)edgeq_clamp(rounded + p->halves_from, p->act_min, p->act_max);
}

#endif
