/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_PIXELS_SWAR_H
#define EDGEQ_CONV2D_PIXELS_SWAR_H

/* Output pixels, four at a time. Who includes this file says before how weights are read
 * (isa/pair_channels.h). */

#include "edgeq/conv2d.h"
#include "isa/pair_channels.h"

#include <stddef.h>

enum { EDGEQ_PIXELS = 4 };

/* `x` has what the pixels are made of (edgeq_pair_channels), `filled` of which are there. */
struct edgeq_pixels {
    int32_t *x;
    int32_t groups;
    int32_t *sums;
    int32_t filled;
    int32_t region[EDGEQ_PIXELS];
    int8_t *output[EDGEQ_PIXELS];
};

/* Where the next pixel's pairs go, EDGEQ_PIXELS places apart. */
static inline int32_t *edgeq_next_pixel(const struct edgeq_pixels *pixels)
{
    return pixels->x + pixels->filled;
}

/* A channel without a ramp: sums become outputs. Its stage is copied, as an output may be part of
 * it for all the compiler knows. */
static inline void edgeq_finish_channel(const struct edgeq_conv2d_swar_params *p,
    const struct edgeq_pixels *pixels, int32_t c, const int32_t *sums, const int32_t *stage)
{
    const struct edgeq_product product = edgeq_product_of(stage, p->act_min, p->act_max);
    for (int32_t i = EDGEQ_PIXELS - 1; i >= 0; i--) {
        int32_t sum = sums[i];
        if (p->bias != NULL) {
            sum += p->bias[pixels->region[i] * p->out_c + c];
        }
        pixels->output[i][c] = edgeq_product(sum, &product);
    }
}

/* All channels without a ramp. */
static EDGEQ_OUT_OF_LINE void edgeq_finish_pixels(
    const struct edgeq_conv2d_swar_params *p, const struct edgeq_pixels *pixels)
{
    const int32_t *sums = pixels->sums;
    int32_t words = edgeq_words_of_groups(pixels->groups);
    const int32_t *stage = p->filters + words;
    for (int32_t c = 0; c < p->out_c; c++, stage += words + EDGEQ_RAMP_WORDS) {
        if (edgeq_has_ramp(stage)) {
            continue;
        }
        edgeq_finish_channel(p, pixels, c, sums, stage);
        sums += EDGEQ_PIXELS;
    }
}

static EDGEQ_OUT_OF_LINE void edgeq_run_pixels(
    const struct edgeq_conv2d_swar_params *p, const struct edgeq_pixels *pixels)
{
    edgeq_pair_channels(
        pixels->x, p->filters, pixels->groups, p->out_c, pixels->output, pixels->sums);
    if (p->products > 0) {
        edgeq_finish_pixels(p, pixels);
    }
}

/* A pixel's pairs are there: if it is the last of four, all are computed. */
static inline void edgeq_add_pixel(const struct edgeq_conv2d_swar_params *p,
    struct edgeq_pixels *pixels, int32_t region, int8_t *output)
{
    pixels->region[pixels->filled] = region;
    pixels->output[pixels->filled] = output;
    pixels->filled++;
    if (pixels->filled == EDGEQ_PIXELS) {
        edgeq_run_pixels(p, pixels);
        pixels->filled = 0;
    }
}

/* Behind the last pixel: what is missing is computed from anything, and overwritten by the first.
 */
static inline void edgeq_end_pixels(
    const struct edgeq_conv2d_swar_params *p, struct edgeq_pixels *pixels)
{
    if (pixels->filled > 0) {
        for (int32_t i = pixels->filled; i < EDGEQ_PIXELS; i++) {
            pixels->region[i] = pixels->region[0];
            pixels->output[i] = pixels->output[0];
        }
        edgeq_run_pixels(p, pixels);
    }
}

#endif
