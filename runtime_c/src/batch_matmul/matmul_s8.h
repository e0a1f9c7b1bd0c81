/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_BATCH_MATMUL_MATMUL_S8_H
#define EDGEQ_BATCH_MATMUL_MATMUL_S8_H

#include "edgeq/batch_matmul.h"
#include "fixedpoint.h"
#include "store.h"

static inline int32_t edgeq_matmul_dot_s8(
    const struct edgeq_batch_matmul_params *p, const int8_t *lhs, const int8_t *rhs)
{
    int32_t acc = 0;
    for (int32_t k = 0; k < p->depth; k++) {
        acc += (*lhs + p->lhs_offset) * (*rhs + p->rhs_offset);
        lhs += p->lhs_depth_step;
        rhs += p->rhs_depth_step;
    }
    return acc;
}

/* One product of two matrices, to the elements of the output from `written` on. */
static inline void edgeq_matmul_one_s8(const struct edgeq_batch_matmul_params *p, const int8_t *lhs,
    const int8_t *rhs, void *output, int32_t written, int32_t bytes)
{
    for (int32_t m = 0; m < p->rows; m++) {
        for (int32_t n = 0; n < p->cols; n++) {
            int32_t sum =
                edgeq_matmul_dot_s8(p, lhs + m * p->lhs_row_step, rhs + n * p->rhs_col_step);
            int32_t out = edgeq_output_stage(
                sum, p->multiplier, p->shift, p->output_offset, p->act_min, p->act_max);
            edgeq_store(output, written++, out, bytes);
        }
    }
}

/* All products, to outputs of `bytes` bytes. */
static inline void edgeq_matmul_of_s8(const struct edgeq_batch_matmul_params *p,
    const int8_t *input1, const int8_t *input2, void *output, int32_t bytes)
{
    int32_t written = 0;
    for (int32_t i = 0; i < p->batch0; i++) {
        for (int32_t j = 0; j < p->batch1; j++) {
            for (int32_t k = 0; k < p->batch2; k++, written += p->rows * p->cols) {
                const int8_t *lhs = input1 + i * p->lhs_step0 + j * p->lhs_step1 + k * p->lhs_step2;
                const int8_t *rhs = input2 + i * p->rhs_step0 + j * p->rhs_step1 + k * p->rhs_step2;
                edgeq_matmul_one_s8(p, lhs, rhs, output, written, bytes);
            }
        }
    }
}

#endif
