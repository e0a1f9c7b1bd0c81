/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_THUMB_H
#define EDGEQ_ISA_THUMB_H

/* What the inner loops for Armv6-M and Armv8-M Baseline share, where eight registers do the work.
 *
 * ASRS leaves the bit below the half in the carry flag, so that ADCS rounds for nothing. Loops of
 * several groups are entered in the middle of the first round, so that they make any number. */

/* A ramp (isa/ramp.h): a sum is kept on the slope, then becomes its height above the intercept.
 * `spare` is used up. */
#define EDGEQ_CLAMP(sum, length, spare)                                                            \
    "asrs " spare ", " sum ", #31\n"                                                               \
    "bics " sum ", " spare "\n"                                                                    \
    "cmp " sum ", " length "\n"                                                                    \
    "ble 9f\n"                                                                                     \
    "mov " sum ", " length "\n"                                                                    \
    "9:\n"

#define EDGEQ_RISE(sum, high, low, spare)                                                          \
    "movs " spare ", " low "\n"                                                                    \
    "muls " spare ", " sum "\n"                                                                    \
    "lsrs " spare ", #13\n"                                                                        \
    "muls " sum ", " high "\n"                                                                     \
    "adds " sum ", " spare "\n"

/* What takes a word of weights apart, from r0 and r1: 0x00FF00FF and -0x00800080. */
#define EDGEQ_MASKS(mask, offset)                                                                  \
    "movs r0, #255\n"                                                                              \
    "lsls r1, r0, #16\n"                                                                           \
    "adds r0, r1\n"                                                                                \
    "mov " mask ", r0\n"                                                                           \
    "movs r0, #128\n"                                                                              \
    "lsls r1, r0, #16\n"                                                                           \
    "adds r0, r1\n"                                                                                \
    "negs r0, r0\n"                                                                                \
    "mov " offset ", r0\n"

#endif
