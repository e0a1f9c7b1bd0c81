/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_BATCH_MATMUL_MATMUL_PACKED_H
#define EDGEQ_BATCH_MATMUL_MATMUL_PACKED_H

/* Products with a right matrix of 4 bits, two elements to a byte. */

#include "edgeq/batch_matmul.h"
#include "fixedpoint.h"
#include "packed_weights.h"
#include "store.h"

enum { EDGEQ_MATRIX_BITS = 4 };

/* The numbers of the first elements of a row and of a column. */
struct edgeq_matmul_place {
    int32_t lhs;
    int32_t rhs;
};

/* A row of int8 or int16 (`lhs_bytes`) times a column. */
static inline int64_t edgeq_matmul_dot_packed(const struct edgeq_batch_matmul_params *p,
    const void *lhs, int32_t lhs_bytes, const int8_t *rhs, struct edgeq_matmul_place at)
{
    int64_t sum = 0;
    for (int32_t k = 0; k < p->depth; k++) {
        int32_t left =
            lhs_bytes == 1 ? ((const int8_t *)lhs)[at.lhs] : ((const int16_t *)lhs)[at.lhs];
        int32_t right = edgeq_packed_weight(rhs, at.rhs, EDGEQ_MATRIX_BITS);
        sum += (left + p->lhs_offset) * (right + p->rhs_offset);
        at.lhs += p->lhs_depth_step;
        at.rhs += p->rhs_depth_step;
    }
    return sum;
}

/* One product of two matrices, to the elements of the output from `written` on. */
static inline void edgeq_matmul_one_packed(const struct edgeq_batch_matmul_params *p,
    const void *lhs, int32_t lhs_bytes, const int8_t *rhs, struct edgeq_matmul_place first,
    void *output, int32_t written, int32_t bytes)
{
    for (int32_t m = 0; m < p->rows; m++) {
        for (int32_t n = 0; n < p->cols; n++) {
            struct edgeq_matmul_place at = {
                first.lhs + m * p->lhs_row_step, first.rhs + n * p->rhs_col_step};
            int64_t sum = edgeq_matmul_dot_packed(p, lhs, lhs_bytes, rhs, at);
            int32_t out = lhs_bytes == 1 ? edgeq_output_stage((int32_t)sum, p->multiplier, p->shift,
                                               p->output_offset, p->act_min, p->act_max)
                                         : edgeq_output_stage64(sum, p->multiplier, p->shift,
                                               p->output_offset, p->act_min, p->act_max);
            edgeq_store(output, written++, out, bytes);
        }
    }
}

/* All products, to outputs of `bytes` bytes. */
static inline void edgeq_matmul_of_packed(const struct edgeq_batch_matmul_params *p,
    const void *lhs, int32_t lhs_bytes, const int8_t *rhs, void *output, int32_t bytes)
{
    int32_t written = 0;
    for (int32_t i = 0; i < p->batch0; i++) {
        for (int32_t j = 0; j < p->batch1; j++) {
            for (int32_t k = 0; k < p->batch2; k++, written += p->rows * p->cols) {
                struct edgeq_matmul_place first = {
                    i * p->lhs_step0 + j * p->lhs_step1 + k * p->lhs_step2,
                    i * p->rhs_step0 + j * p->rhs_step1 + k * p->rhs_step2};
                edgeq_matmul_one_packed(p, lhs, lhs_bytes, rhs, first, output, written, bytes);
            }
        }
    }
}

#endif
