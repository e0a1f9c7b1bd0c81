/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_WIDE_FILTERS_H
#define EDGEQ_CONV2D_WIDE_FILTERS_H

#include "edgeq/conv2d.h"
#include "isa/depthwise_3x3.h"

enum { EDGEQ_ROOM_WORDS = 0 };

/* The constants of a channel and those behind it: as they are. */
static inline const int32_t *edgeq_find_filters(
    const struct edgeq_depthwise_3x3_params *p, int32_t channel, int32_t *room)
{
    (void)room;
    return p->filters + channel * EDGEQ_FILTER_WORDS;
}

#endif
