/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_MVE_ROWS_H
#define EDGEQ_ISA_MVE_ROWS_H

/* A matrix times a vector, for Arm's MVE: eight rows at a time, whose sums are in the eight core
 * registers of even number that VMLADAVA can add to; every 16 elements cost 9 loads for 128
 * products. */

#include "isa/mve_bytes.h"
#include "isa/mve_dot.h"
#include "isa/mve_nibbles.h"
#include "isa/mve_stage.h"

#include <stdint.h>

enum { EDGEQ_ROWS = 8, EDGEQ_ROWS_ELEMENTS = 16 };

/* The words of four rows: four biases, and so on. */
enum { EDGEQ_ROWS_STAGED = 4, EDGEQ_ROWS_WORDS = EDGEQ_ROWS_STAGED * EDGEQ_MVE_WORDS };

/* In the order in which the code below loads it. `weights` has for each eight rows 16 elements of
 * each of them, then the next 16, and so on; `stages` has EDGEQ_ROWS_WORDS for the first, third,
 * fifth and seventh row, then those of the others, as the narrowing of vectors interleaves them.
 * Packed weights have 4 bits: elements of the first, third, fifth and seventh row are the low
 * halves of the bytes of which those of the row behind are the high ones. */
struct edgeq_mve_rows {
    const int8_t *input;
    int32_t passes;
    int32_t skipped;
    int32_t rows;
    const int8_t *weights;
    int32_t output_offset;
    const int32_t *stages;
    int8_t *output;
};

/* The loop takes so many blocks of 16 elements per pass, after the first block; the first pass
 * begins within, so many bytes of code behind its beginning (an odd address, as those of code
 * are). */
enum { EDGEQ_ROWS_UNROLLED = 4, EDGEQ_ROWS_BLOCK_BYTES = 68, EDGEQ_ROWS_PACKED_BYTES = 84 };

static inline void edgeq_set_row_blocks(struct edgeq_mve_rows *rows, int32_t blocks, int packed)
{
    int32_t passes = blocks > 1 ? (blocks + EDGEQ_ROWS_UNROLLED - 2) / EDGEQ_ROWS_UNROLLED : 1;
    int32_t unused = passes * EDGEQ_ROWS_UNROLLED - (blocks - 1);
    rows->passes = passes;
    rows->skipped = unused * (packed ? EDGEQ_ROWS_PACKED_BYTES : EDGEQ_ROWS_BLOCK_BYTES) + 1;
}

#if defined(EDGEQ_MVE_ASSEMBLY)

/* Assembler macros. rows_two: the products of q0 and of 16 elements of two rows, at r9;
 * rows_even_sums: what is left to do with the sums of the first of each two. */
#define EDGEQ_ROWS_BYTES                                                                           \
    ".macro edgeq_rows_two mac, even, odd\n"                                                       \
    "vldrb.8 q1, [r9], #16\n"                                                                      \
    "\\mac \\even, q0, q1\n"                                                                       \
    "vldrb.8 q1, [r9], #16\n"                                                                      \
    "\\mac \\odd, q0, q1\n"                                                                        \
    ".endm\n"                                                                                      \
    ".macro edgeq_rows_even_sums\n"                                                                \
    ".endm\n"
#define EDGEQ_ROWS_NIBBLES                                                                         \
    ".macro edgeq_rows_two mac, even, odd\n"                                                       \
    "vldrb.8 q1, [r9], #16\n"                                                                      \
    "vshl.i8 q2, q1, #4\n"                                                                         \
    "\\mac \\even, q0, q2\n"                                                                       \
    "vshr.s8 q1, q1, #4\n"                                                                         \
    "\\mac \\odd, q0, q1\n"                                                                        \
    ".endm\n"                                                                                      \
    ".macro edgeq_rows_even_sums\n"                                                                \
    "vshr.s32 q2, q2, #4\n"                                                                        \
    ".endm\n"

/* rows_block: 16 elements, at r1, times those of eight rows, at r9. rows_stage:
 * the stages of four rows. */
#define EDGEQ_ROWS_MACROS                                                                          \
    ".macro edgeq_rows_block mac\n"                                                                \
    "vldrb.8 q0, [r1], #16\n"                                                                      \
    "edgeq_rows_two \\mac, r0, r2\n"                                                               \
    "edgeq_rows_two \\mac, r4, r6\n"                                                               \
    "edgeq_rows_two \\mac, r8, r10\n"                                                              \
    "edgeq_rows_two \\mac, r12, lr\n"                                                              \
    ".endm\n"                                                                                      \
    ".macro edgeq_rows_stage sums\n"                                                               \
    "vldrw.32 q0, [r5], #16\n"                                                                     \
    "vldrw.32 q1, [r5], #16\n"                                                                     \
    "vldrw.32 q4, [r5], #16\n"                                                                     \
    "edgeq_scale_each \\sums, q0, q1, q4, lr\n"                                                    \
    ".endm\n"

/* The stack has the input, the passes, where the loop is to be entered, the rows, and the offset.
 */
#define EDGEQ_RUN_ROWS(rows, weights)                                                              \
    register const struct edgeq_mve_rows *words __asm__("r0") = rows;                              \
    __asm__ volatile(EDGEQ_MVE_STAGE_MACROS weights EDGEQ_ROWS_MACROS                              \
        ".p2align 2\n"                                                                             \
        "push {r7}\n"                                                                              \
        "ldmia r0!, {r1, r2, r3, r4, r9, r10}\n"                                                   \
        "adr.w r5, 2f\n"                                                                           \
        "add r3, r3, r5\n"                                                                         \
        "push {r1, r2, r3, r4, r10, r11}\n"                                                        \
        "ldmia r0, {r5, r7}\n"                                                                     \
        "1: ldmia sp, {r1, r3, r11}\n"                                                             \
        "edgeq_rows_block vmladav.s8\n"                                                            \
        "bx r11\n"                                                                                 \
        "2:\n"                                                                                     \
        ".rept 4\n"                                                                                \
        "edgeq_rows_block vmladava.s8\n"                                                           \
        ".endr\n"                                                                                  \
        "subs r3, r3, #1\n"                                                                        \
        "bne 2b\n"                                                                                 \
        "vmov d4, r0, r4\n"                                                                        \
        "vmov d5, r8, r12\n"                                                                       \
        "edgeq_rows_even_sums\n"                                                                   \
        "vmov d6, r2, r6\n"                                                                        \
        "vmov d7, r10, lr\n"                                                                       \
        "mov lr, #1\n"                                                                             \
        "edgeq_rows_stage q2\n"                                                                    \
        "edgeq_rows_stage q3\n"                                                                    \
        "ldrd r0, r2, [sp, #12]\n"                                                                 \
        "vqmovnb.s32 q2, q2\n"                                                                     \
        "vqmovnt.s32 q2, q3\n"                                                                     \
        "vqadd.s16 q2, q2, r2\n"                                                                   \
        "vqmovnb.s16 q2, q2\n"                                                                     \
        "vctp.16 r0\n"                                                                             \
        "vpst\n"                                                                                   \
        "vstrbt.16 q2, [r7], #8\n"                                                                 \
        "subs r0, r0, #8\n"                                                                        \
        "str r0, [sp, #12]\n"                                                                      \
        "bgt 1b\n"                                                                                 \
        "add sp, sp, #24\n"                                                                        \
        "pop {r7}\n"                                                                               \
        ".purgem edgeq_rows_two\n"                                                                 \
        ".purgem edgeq_rows_even_sums\n"                                                           \
        ".purgem edgeq_rows_block\n"                                                               \
        ".purgem edgeq_rows_stage\n" EDGEQ_MVE_STAGE_END                                           \
        : "+r"(words)                                                                              \
        :                                                                                          \
        : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "q0", "q1",   \
        "q2", "q3", "q4", EDGEQ_VPR, "cc", "memory")

static inline void edgeq_mve_run_rows(const struct edgeq_mve_rows *rows)
{
    EDGEQ_RUN_ROWS(rows, EDGEQ_ROWS_BYTES);
}

static inline void edgeq_mve_run_packed_rows(const struct edgeq_mve_rows *rows)
{
    EDGEQ_RUN_ROWS(rows, EDGEQ_ROWS_NIBBLES);
}

#else

/* The products of a row; `weights` is where its group of eight begins. */
static inline int32_t edgeq_row_dot(
    const int8_t *input, const int8_t *weights, int32_t row, int32_t blocks, int packed)
{
    int32_t step = EDGEQ_ROWS * EDGEQ_ROWS_ELEMENTS;
    if (packed) {
        return edgeq_mve_dot_halves(input, weights + row / 2 * EDGEQ_ROWS_ELEMENTS,
            row % 2 == 0 ? EDGEQ_LOW_HALF : EDGEQ_HIGH_HALF, step / 2, blocks);
    }
    return edgeq_mve_dot(input, weights + row * EDGEQ_ROWS_ELEMENTS, step, blocks);
}

static inline void edgeq_run_rows(
    const struct edgeq_mve_rows *rows, int32_t block_bytes, int packed)
{
    int32_t unused = rows->skipped / block_bytes;
    int32_t blocks = rows->passes * EDGEQ_ROWS_UNROLLED - unused + 1;
    int32_t row_bytes = EDGEQ_ROWS_ELEMENTS * blocks;
    for (int32_t first = 0; first < rows->rows; first += EDGEQ_ROWS) {
        const int8_t *weights = rows->weights + (packed ? first / 2 : first) * row_bytes;
        int8_t outputs[EDGEQ_ROWS];
        for (int32_t row = 0; row < EDGEQ_ROWS; row++) {
            int32_t four = (first + row) / 8 * 2 + row % 2;
            const int32_t *stages = rows->stages + four * EDGEQ_ROWS_WORDS + row / 2;
            int32_t words[EDGEQ_MVE_WORDS];
            for (int32_t i = 0; i < EDGEQ_MVE_WORDS; i++) {
                words[i] = stages[i * EDGEQ_ROWS_STAGED];
            }
            int32_t sum = edgeq_row_dot(rows->input, weights, row, blocks, packed);
            outputs[row] = edgeq_mve_stage_s8(words, sum, rows->output_offset);
        }
        for (int32_t row = 0; row < EDGEQ_ROWS && first + row < rows->rows; row++) {
            rows->output[first + row] = outputs[row];
        }
    }
}

static inline void edgeq_mve_run_rows(const struct edgeq_mve_rows *rows)
{
    edgeq_run_rows(rows, EDGEQ_ROWS_BLOCK_BYTES, 0);
}

static inline void edgeq_mve_run_packed_rows(const struct edgeq_mve_rows *rows)
{
    edgeq_run_rows(rows, EDGEQ_ROWS_PACKED_BYTES, 1);
}

#endif

#endif
