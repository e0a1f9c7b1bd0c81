/* SPDX-License-Identifier: Apache-2.0 */
#include "edgeq/batch_matmul.h"

#include "fixedpoint.h"
#include "isa/dsp.h"
#include "stage.h"

/* Columns of the right matrix that are widened at a time; two rows of the left one are. */
enum { EDGEQ_COLUMNS = 8, EDGEQ_ROWS = 2 };

/* Halfwords of a row or column, with its zero point subtracted: of each four (0, 2) and (1, 3),
 * then zeros up to a multiple of four. `step` elements lie from one to the next. */
static inline void edgeq_widen_vector(
    const int8_t *from, int32_t step, int32_t length, int32_t offset, int32_t *to)
{
    const int32_t offsets = (int32_t)((uint32_t)(offset & 0xFFFF) * 0x10001u);
    for (; length >= 4; length -= 4, from += 4 * step, to += 2) {
        int32_t word;
        if (step == 1) {
            word = edgeq_load_word(from);
        } else {
            int8_t bytes[4] = {from[0], from[step], from[2 * step], from[3 * step]};
            word = edgeq_load_word(bytes);
        }
        to[0] = edgeq_add_sxtb16(offsets, word);
        to[1] = edgeq_add_sxtb16_odd(offsets, word);
    }
    if (length > 0) {
        int16_t halves[4] = {0, 0, 0, 0};
        for (int32_t i = 0; i < length; i++) {
            halves[(i & 1) * 2 + (i >> 1)] = (int16_t)(from[i * step] + offset);
        }
        memcpy(to, halves, sizeof halves);
    }
}

/* The sums of two rows and two columns of `words` words, a multiple of 2. */
static inline void edgeq_dot_2x2(
    const int32_t *rows, const int32_t *columns, int32_t words, int32_t *sums)
{
    int32_t s00 = 0, s01 = 0, s10 = 0, s11 = 0;
    for (const int32_t *end = rows + words; rows < end; rows += 2, columns += 2) {
        for (int32_t i = 0; i < 2; i++) {
            int32_t a0 = rows[i], a1 = rows[i + words];
            int32_t b0 = columns[i], b1 = columns[i + words];
            s00 = edgeq_smlad(a0, b0, s00);
            s01 = edgeq_smlad(a0, b1, s01);
            s10 = edgeq_smlad(a1, b0, s10);
            s11 = edgeq_smlad(a1, b1, s11);
        }
    }
    sums[0] = s00;
    sums[1] = s01;
    sums[2] = s10;
    sums[3] = s11;
}

/* Two rows of the output, or one, in some columns; their inputs are widened. */
static EDGEQ_OUT_OF_LINE void edgeq_write_rows(const struct edgeq_batch_matmul_dsp_params *p,
    const int32_t *rows, int32_t row_count, const int32_t *columns, int32_t column_count,
    int8_t *output)
{
    const int32_t words = (p->depth + 3) / 4 * 2;
    for (int32_t n = 0; n < column_count; n += 2, columns += 2 * words) {
        int32_t sums[4];
        edgeq_dot_2x2(rows, columns, words, sums);
        for (int32_t i = 0; i < 4; i++) {
            int32_t row = i >> 1, column = n + (i & 1);
            if (row < row_count && column < column_count) {
                int32_t out = edgeq_stage(2 * sums[i], p->multiplier, p->addend, p->shift);
                output[row * p->cols + column] = (int8_t)edgeq_clamp(out, p->act_min, p->act_max);
            }
        }
    }
}

static EDGEQ_OUT_OF_LINE void edgeq_multiply_matrices(const struct edgeq_batch_matmul_dsp_params *p,
    const int8_t *lhs, const int8_t *rhs, int8_t *output, int32_t *scratch)
{
    const int32_t words = (p->depth + 3) / 4 * 2;
    int32_t *columns = scratch + EDGEQ_ROWS * words;
    for (int32_t n = 0; n < p->cols; n += EDGEQ_COLUMNS) {
        int32_t count = p->cols - n < EDGEQ_COLUMNS ? p->cols - n : EDGEQ_COLUMNS;
        for (int32_t i = 0; i < count; i++) {
            edgeq_widen_vector(rhs + (n + i) * p->rhs_col_step, p->rhs_depth_step, p->depth,
                p->rhs_offset, columns + i * words);
        }
        for (int32_t m = 0; m < p->rows; m += EDGEQ_ROWS) {
            int32_t left = p->rows - m < EDGEQ_ROWS ? p->rows - m : EDGEQ_ROWS;
            for (int32_t i = 0; i < left; i++) {
                edgeq_widen_vector(lhs + (m + i) * p->lhs_row_step, p->lhs_depth_step, p->depth,
                    p->lhs_offset, scratch + i * words);
            }
            edgeq_write_rows(p, scratch, left, columns, count, output + m * p->cols + n);
        }
    }
}

void edgeq_batch_matmul_s8__dsp(const struct edgeq_batch_matmul_dsp_params *params,
    const int8_t *input1, const int8_t *input2, int8_t *output, void *scratch)
{
    const struct edgeq_batch_matmul_dsp_params *p = params;
    for (int32_t i = 0; i < p->batch0; i++) {
        for (int32_t j = 0; j < p->batch1; j++) {
            for (int32_t k = 0; k < p->batch2; k++, output += p->rows * p->cols) {
                edgeq_multiply_matrices(p,
                    input1 + i * p->lhs_step0 + j * p->lhs_step1 + k * p->lhs_step2,
                    input2 + i * p->rhs_step0 + j * p->rhs_step1 + k * p->rhs_step2, output,
                    (int32_t *)scratch);
            }
        }
    }
}
