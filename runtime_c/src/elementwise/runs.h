/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ELEMENTWISE_RUNS_H
#define EDGEQ_ELEMENTWISE_RUNS_H

#include <stdint.h>

enum { EDGEQ_MAX_LOOPS = 7 };

/* How many elements into both operands the next run of the output begins, and the iterations that
 * each loop has done. */
struct edgeq_runs {
    int32_t input1;
    int32_t input2;
    int32_t done[EDGEQ_MAX_LOOPS];
};

/* Step to the next run; returns 0 after the last. `loops` and `depth` as in edgeq_binary_params. */
static inline int edgeq_next_run(struct edgeq_runs *at, const int32_t *loops, int32_t depth)
{
    for (int32_t k = depth - 1; k >= 0; k--) {
        int32_t count = loops[3 * k];
        int32_t advance1 = loops[3 * k + 1];
        int32_t advance2 = loops[3 * k + 2];
        at->input1 += advance1;
        at->input2 += advance2;
        at->done[k]++;
        if (at->done[k] < count) {
            return 1;
        }
        at->input1 -= count * advance1;
        at->input2 -= count * advance2;
        at->done[k] = 0;
    }
    return 0;
}

#endif
