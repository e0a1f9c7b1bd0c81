/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_MVE_SUM_H
#define EDGEQ_ISA_MVE_SUM_H

/* Element-wise sums for Arm's MVE, four at a time. */

#include "stage.h"

#include <stdint.h>

/* The upper half of the doubled sums in q1 times q4, as edgeq_stage_fraction has it; r0 is 1. */
#if defined(EDGEQ_STAGE_ROUNDS_TWICE)
#define EDGEQ_MVE_SUM_HIGH                                                                         \
    "vrmulh.s32 q1, q1, q4\n"                                                                      \
    "vqdmlah.s32 q1, q1, r0\n"
#else
#define EDGEQ_MVE_SUM_HIGH "vmulh.s32 q1, q1, q4\n"
#endif

/* Twice the sum is `factor` times an element of the wide operand, and what `addends` has for the
 * element of the other one, as an unsigned byte. It becomes the output by a stage (stage.h), whose
 * shift is negated here, clamped to [low, high]. In the order in which the code below loads it. */
struct edgeq_mve_sum {
    int32_t multiplier;
    int32_t low;
    int32_t high;
    const int8_t *wide;
    const int8_t *other;
    int8_t *output;
    const int32_t *addends;
    int32_t factor;
    int32_t addend;
    int32_t left_shift;
    int32_t count;
};

static inline void edgeq_mve_run_sum(const struct edgeq_mve_sum *sum)
{
#if defined(__ARM_FEATURE_MVE)
    register const struct edgeq_mve_sum *words __asm__("r0") = sum;
    __asm__ volatile("ldmia r0!, {r1, r2, r3}\n"
                     "vdup.32 q4, r1\n"
                     "vdup.32 q5, r2\n"
                     "vdup.32 q6, r3\n"
                     "ldmia r0, {r1, r2, r3, r4, r5, r6, r8, r9}\n"
                     "mov r0, #1\n"
                     "dlstp.32 lr, r9\n"
                     "1: vldrb.u32 q0, [r2], #4\n"
                     "vldrw.u32 q1, [r4, q0, uxtw #2]\n"
                     "vldrb.s32 q0, [r1], #4\n"
                     "vmla.s32 q1, q0, r5\n" EDGEQ_MVE_SUM_HIGH "vadd.i32 q1, q1, r6\n"
                     "vshl.s32 q1, r8\n"
                     "vmax.s32 q1, q1, q5\n"
                     "vmin.s32 q1, q1, q6\n"
                     "vstrb.32 q1, [r3], #4\n"
                     "letp lr, 1b\n"
        : "+r"(words)
        :
        : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "lr", "q0", "q1", "q4", "q5", "q6",
        "memory");
#else
    for (int32_t i = 0; i < sum->count; i++) {
        int32_t twice = sum->addends[(uint8_t)sum->other[i]] + sum->factor * sum->wide[i];
        int32_t out = edgeq_stage_fraction(twice, sum->multiplier, sum->addend, -sum->left_shift);
        sum->output[i] = (int8_t)(out < sum->low ? sum->low : (out > sum->high ? sum->high : out));
    }
#endif
}

#endif
