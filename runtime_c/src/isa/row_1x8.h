/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_ROW_1X8_H
#define EDGEQ_ISA_ROW_1X8_H

#include "isa/dsp.h"

/* A row of inputs and what it is multiplied with, eight channels at a time: `weights` has those of
 * eight channels, then their stages, `bias` eight words for them. The outputs of the first `whole`
 * channels, a multiple of 8, go to `output`; those of eight more to `rest`, unless its end is null.
 */
struct edgeq_row_1x8 {
    const int32_t *x;       /*  0 */
    const int32_t *x_end;   /*  4 */
    int32_t skipped;        /*  8: bytes of code, in the first round of the loop */
    const int32_t *bias;    /* 12 */
    int8_t *output;         /* 16 */
    int32_t whole;          /* 20: on the stack the end of output */
    int8_t *rest;           /* 24 */
    int8_t *rest_end;       /* 28 */
    const int32_t *weights; /* 32 */
};

#endif
