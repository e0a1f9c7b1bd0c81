/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_MVE_COLUMNS_LOOPS_H
#define EDGEQ_ISA_MVE_COLUMNS_LOOPS_H

/* Windows in assembly, from the products to the outputs. Part of mve_columns.h. */

/* Assembler macros. column_vector: the next weights of a window, as bytes;
 * column_places: those of a window at its four places in a vector, to q1 to q4, and r5 moves on;
 * r0 is lost. Packed weights are moved from place to place as others are loaded: rows are
 * the bytes of a word, and columns are words. */
#define EDGEQ_COLUMN_BYTES                                                                         \
    ".macro edgeq_column_vector vector, at\n"                                                      \
    "vldrb.8 \\vector, [\\at], #16\n"                                                              \
    ".endm\n"                                                                                      \
    ".macro edgeq_column_places\n"                                                                 \
    "vldrb.8 q1, [r5], #16\n"                                                                      \
    "vldrb.8 q2, [r5], #16\n"                                                                      \
    "vldrb.8 q3, [r5], #16\n"                                                                      \
    "vldrb.8 q4, [r5], #16\n"                                                                      \
    ".endm\n"
#define EDGEQ_COLUMN_NIBBLES                                                                       \
    ".macro edgeq_column_vector vector, at\n"                                                      \
    "vldrb.u16 \\vector, [\\at], #8\n"                                                             \
    "vsli.16 \\vector, \\vector, #4\n"                                                             \
    "vshl.i8 \\vector, \\vector, #4\n"                                                             \
    "vshr.s8 \\vector, \\vector, #4\n"                                                             \
    ".endm\n"                                                                                      \
    ".macro edgeq_column_places\n"                                                                 \
    "edgeq_column_vector q1, r5\n"                                                                 \
    "vmov q2, q1\n"                                                                                \
    "mov r0, #0\n"                                                                                 \
    "vshlc q2, r0, #32\n"                                                                          \
    "vshl.i32 q3, q1, #8\n"                                                                        \
    "vshl.i32 q4, q2, #8\n"                                                                        \
    ".endm\n"

/* column_outputs: four sums, in r0, r2, r4 and r6, to bytes, in the lowest of
 * each lane of q5. column_block: four outputs in two rows; column_four: four in one row; r1, and
 * for blocks r3, move on. column_windows: products of the vector at r5 and of those of the three
 * windows behind it, added to the sums or, the first time, setting them. */
#define EDGEQ_COLUMN_MACROS                                                                        \
    ".macro edgeq_column_outputs bias, multiplier, shift, one, offset\n"                           \
    "vmov d10, r0, r2\n"                                                                           \
    "vmov d11, r4, r6\n"                                                                           \
    "edgeq_scale q5, \\bias, \\multiplier, \\shift, \\one\n"                                       \
    "vqmovnb.s32 q5, q5\n"                                                                         \
    "vqadd.s16 q5, q5, \\offset\n"                                                                 \
    "vqmovnb.s16 q5, q5\n"                                                                         \
    ".endm\n"                                                                                      \
    ".macro edgeq_column_block\n"                                                                  \
    "vldrw.u32 q0, [r1, q7]\n"                                                                     \
    "vmladav.s8 r0, q0, q1\n"                                                                      \
    "vmladav.s8 r2, q0, q2\n"                                                                      \
    "vmladav.s8 r4, q0, q3\n"                                                                      \
    "vmladav.s8 r6, q0, q4\n"                                                                      \
    "add r1, r1, r9, lsl #2\n"                                                                     \
    "edgeq_column_outputs r7, r8, r12, r11, r10\n"                                                 \
    "vstrb.32 q5, [r3, q6]\n"                                                                      \
    "add r3, r3, r9\n"                                                                             \
    ".endm\n"                                                                                      \
    ".macro edgeq_column_four\n"                                                                   \
    ".irp sum, r0, r2, r4, r6\n"                                                                   \
    "vldrw.u32 q0, [r1, q7]\n"                                                                     \
    "add r1, r1, r9\n"                                                                             \
    "vmladav.s8 \\sum, q0, q1\n"                                                                   \
    ".endr\n"                                                                                      \
    "edgeq_column_outputs r5, r7, r8, r11, r10\n"                                                  \
    ".endm\n"                                                                                      \
    ".macro edgeq_column_windows mac, weights\n"                                                   \
    ".irp sum, r0, r2, r4, r6\n"                                                                   \
    "vldrw.u32 q0, [r5, q7]\n"                                                                     \
    "add r5, r5, r9\n"                                                                             \
    "\\mac \\sum, q0, \\weights\n"                                                                 \
    ".endr\n"                                                                                      \
    ".endm\n"
#define EDGEQ_COLUMN_END                                                                           \
    ".purgem edgeq_column_vector\n"                                                                \
    ".purgem edgeq_column_places\n"                                                                \
    ".purgem edgeq_column_outputs\n"                                                               \
    ".purgem edgeq_column_block\n"                                                                 \
    ".purgem edgeq_column_four\n"                                                                  \
    ".purgem edgeq_column_windows\n" EDGEQ_MVE_STAGE_END

/* The stack has the words, the output and the stages of the channel, the pairs, whether there is an
 * odd pixel, and the end of the weights. */
#define EDGEQ_RUN_BLOCKS(blocks, weights)                                                          \
    register const struct edgeq_mve_blocks *words __asm__("r0") = blocks;                          \
    __asm__ volatile(EDGEQ_MVE_STAGE_MACROS weights EDGEQ_COLUMN_MACROS                            \
        "push {r7}\n"                                                                              \
        "ldmia r0!, {r1, r3, r4, r5, r6, r7, r8, r9, r10}\n"                                       \
        "push {r1, r3, r4, r5, r6, r7}\n"                                                          \
        "mov r5, r8\n"                                                                             \
        "vldrw.32 q7, [r0], #16\n"                                                                 \
        "vldrw.32 q6, [r0]\n"                                                                      \
        "mov r11, #1\n"                                                                            \
        "1: ldmia sp, {r1, r3, r4, lr}\n"                                                          \
        "ldmia r4!, {r7, r8, r12}\n"                                                               \
        "add r0, r1, #4\n"                                                                         \
        "add r2, r3, #1\n"                                                                         \
        "stmia sp, {r0, r2, r4}\n"                                                                 \
        "edgeq_column_places\n"                                                                    \
        "dls lr, lr\n"                                                                             \
        "2:\n"                                                                                     \
        "edgeq_column_block\n"                                                                     \
        "le lr, 2b\n"                                                                              \
        "ldr r0, [sp, #16]\n"                                                                      \
        "cbz r0, 3f\n"                                                                             \
        "sub r1, r1, r9, lsl #1\n"                                                                 \
        "sub r3, r3, r9, lsr #1\n"                                                                 \
        "edgeq_column_block\n"                                                                     \
        "3: ldr r0, [sp, #20]\n"                                                                   \
        "cmp r5, r0\n"                                                                             \
        "bne 1b\n"                                                                                 \
        "add sp, sp, #24\n"                                                                        \
        "pop {r7}\n" EDGEQ_COLUMN_END                                                              \
        : "+r"(words)                                                                              \
        :                                                                                          \
        : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "q0", "q1",   \
        "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory")

/* The stack has what edgeq_mve_line has, up to the channels. */
#define EDGEQ_RUN_LINE(line, weights)                                                              \
    register const struct edgeq_mve_line *words __asm__("r0") = line;                              \
    __asm__ volatile(EDGEQ_MVE_STAGE_MACROS weights EDGEQ_COLUMN_MACROS                            \
        "push {r7}\n"                                                                              \
        "ldmia r0!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r12}\n"                              \
        "push {r1, r2, r3, r4, r5, r6, r7, r8}\n"                                                  \
        "vldrw.32 q7, [r0], #16\n"                                                                 \
        "vldrw.32 q6, [r0]\n"                                                                      \
        "mov r11, #1\n"                                                                            \
        "1: ldmia sp, {r1, r3, r4, lr}\n"                                                          \
        "ldmia r4!, {r5, r7, r8}\n"                                                                \
        "add r0, r1, #4\n"                                                                         \
        "add r2, r3, #1\n"                                                                         \
        "stmia sp, {r0, r2, r4}\n"                                                                 \
        "ldrd r0, r2, [sp, #20]\n"                                                                 \
        "add r2, r2, r0\n"                                                                         \
        "str r2, [sp, #20]\n"                                                                      \
        "edgeq_column_vector q1, r0\n"                                                             \
        "wls lr, lr, 3f\n"                                                                         \
        "2:\n"                                                                                     \
        "edgeq_column_four\n"                                                                      \
        "vstrb.32 q5, [r3, q6]\n"                                                                  \
        "add r3, r3, r12\n"                                                                        \
        "le lr, 2b\n"                                                                              \
        "3: ldr r0, [sp, #16]\n"                                                                   \
        "cmp r0, #0\n"                                                                             \
        "beq 4f\n"                                                                                 \
        "vctp.32 r0\n"                                                                             \
        "edgeq_column_four\n"                                                                      \
        "vpst\n"                                                                                   \
        "vstrbt.32 q5, [r3, q6]\n"                                                                 \
        "4: ldr r0, [sp, #28]\n"                                                                   \
        "subs r0, r0, #1\n"                                                                        \
        "str r0, [sp, #28]\n"                                                                      \
        "bne 1b\n"                                                                                 \
        "add sp, sp, #32\n"                                                                        \
        "pop {r7}\n" EDGEQ_COLUMN_END                                                              \
        : "+r"(words)                                                                              \
        :                                                                                          \
        : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "q0", "q1",   \
        "q5", "q6", "q7", EDGEQ_VPR, "cc", "memory")

/* The stack has what edgeq_mve_long_line has, up to the channels. */
#define EDGEQ_RUN_LONG_LINE(line, weights)                                                         \
    register const struct edgeq_mve_long_line *words __asm__("r0") = line;                         \
    __asm__ volatile(EDGEQ_MVE_STAGE_MACROS weights EDGEQ_COLUMN_MACROS                            \
        "push {r7}\n"                                                                              \
        "ldmia r0!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12}\n"                         \
        "push {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12}\n"                               \
        "ldr r9, [r0], #4\n"                                                                       \
        "vldrw.32 q7, [r0], #16\n"                                                                 \
        "vldrw.32 q6, [r0]\n"                                                                      \
        "mov r11, #1\n"                                                                            \
        "1: ldmia sp, {r1, r3, r6, r7}\n"                                                          \
        "mov r8, r6\n"                                                                             \
        "ldr r6, [sp, #40]\n"                                                                      \
        "add r6, r6, r7\n"                                                                         \
        "edgeq_column_vector q1, r7\n"                                                             \
        "str r7, [sp, #20]\n"                                                                      \
        "add r0, r1, #4\n"                                                                         \
        "add r2, r3, #1\n"                                                                         \
        "add r4, r8, #12\n"                                                                        \
        "stmia sp, {r0, r2, r4, r6}\n"                                                             \
        "ldr r10, [sp, #36]\n"                                                                     \
        "2: mov r5, r1\n"                                                                          \
        "edgeq_column_windows vmladav.s8, q1\n"                                                    \
        "ldrd r12, r7, [sp, #16]\n"                                                                \
        "ldr lr, [sp, #32]\n"                                                                      \
        "3: ldr r5, [r12], #4\n"                                                                   \
        "add r5, r5, r1\n"                                                                         \
        "edgeq_column_vector q2, r7\n"                                                             \
        "edgeq_column_windows vmladava.s8, q2\n"                                                   \
        "subs lr, lr, #1\n"                                                                        \
        "bne 3b\n"                                                                                 \
        "ldmia r8, {r5, r7, r12}\n"                                                                \
        "ldr lr, [sp, #24]\n"                                                                      \
        "add r1, r1, r9, lsl #2\n"                                                                 \
        "edgeq_column_outputs r5, r7, r12, r11, lr\n"                                              \
        "ldr lr, [sp, #28]\n"                                                                      \
        "vctp.32 r10\n"                                                                            \
        "vpst\n"                                                                                   \
        "vstrbt.32 q5, [r3, q6]\n"                                                                 \
        "add r3, r3, lr\n"                                                                         \
        "subs r10, r10, #4\n"                                                                      \
        "bgt 2b\n"                                                                                 \
        "ldr r0, [sp, #44]\n"                                                                      \
        "subs r0, r0, #1\n"                                                                        \
        "str r0, [sp, #44]\n"                                                                      \
        "bne 1b\n"                                                                                 \
        "add sp, sp, #48\n"                                                                        \
        "pop {r7}\n" EDGEQ_COLUMN_END                                                              \
        : "+r"(words)                                                                              \
        :                                                                                          \
        : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "q0", "q1",   \
        "q2", "q5", "q6", "q7", EDGEQ_VPR, "cc", "memory")

static inline void edgeq_mve_run_blocks(const struct edgeq_mve_blocks *blocks)
{
    EDGEQ_RUN_BLOCKS(blocks, EDGEQ_COLUMN_BYTES);
}

static inline void edgeq_mve_run_packed_blocks(const struct edgeq_mve_blocks *blocks)
{
    EDGEQ_RUN_BLOCKS(blocks, EDGEQ_COLUMN_NIBBLES);
}

static inline void edgeq_mve_run_line(const struct edgeq_mve_line *line)
{
    EDGEQ_RUN_LINE(line, EDGEQ_COLUMN_BYTES);
}

static inline void edgeq_mve_run_packed_line(const struct edgeq_mve_line *line)
{
    EDGEQ_RUN_LINE(line, EDGEQ_COLUMN_NIBBLES);
}

static inline void edgeq_mve_run_long_line(const struct edgeq_mve_long_line *line)
{
    EDGEQ_RUN_LONG_LINE(line, EDGEQ_COLUMN_BYTES);
}

static inline void edgeq_mve_run_packed_long_line(const struct edgeq_mve_long_line *line)
{
    EDGEQ_RUN_LONG_LINE(line, EDGEQ_COLUMN_NIBBLES);
}

#endif
