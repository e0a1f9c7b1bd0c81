/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_ROWS_2X4_H
#define EDGEQ_ISA_ROWS_2X4_H

#include "isa/dsp.h"

/* Two rows of inputs, two words per step, and what they are multiplied with, four channels at a
 * time: `weights` has the steps of four channels, then their stages, `bias` four words for them.
 * The outputs of the first `whole` channels, a multiple of 4, go to `output`; those of four more to
 * `rest`, unless its end is null. */
struct edgeq_rows_2x4 {
    const int32_t *x;       /*  0 */
    const int32_t *x_end;   /*  4 */
    int32_t skipped;        /*  8: bytes of code, in the first round of the loop */
    const int32_t *bias[2]; /* 12 */
    int8_t *output[2];      /* 20 */
    int32_t whole;          /* 28: on the stack the end of output[0] */
    int8_t *rest[2];        /* 32 */
    int8_t *rest_end;       /* 40 */
    const int32_t *weights; /* 44 */
};

#endif
