/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_WINOGRAD_4X4_SUMS_H
#define EDGEQ_ISA_WINOGRAD_4X4_SUMS_H

/* From the sums of F(4x4, 3x3), in isa/winograd_4x4.h, to outputs. */

#include "isa/dsp.h"
#include "stage.h"

/* The columns of a tile of sums, four results in place of six. The first three of the six are sums
 * of one, two and three of the tile, and the last three likewise. */
static inline void edgeq_transform_down(int32_t *sums)
{
    for (int32_t x = 0; x < EDGEQ_SIDE; x++, sums += EDGEQ_SIDE) {
        uint32_t even = 2 * (uint32_t)sums[0] - (uint32_t)sums[1];
        uint32_t odd = 2 * (uint32_t)sums[3] - (uint32_t)sums[4];
        sums[0] = (int32_t)((uint32_t)sums[2] + odd);
        sums[2] = (int32_t)((uint32_t)sums[1] + 4 * odd);
        sums[1] = (int32_t)(even + 2 * (uint32_t)sums[4]);
        sums[3] = (int32_t)(even + 8 * (uint32_t)sums[5]);
    }
}

struct edgeq_row {
    uint32_t at[EDGEQ_TILE];
};

/* A row of outputs, times 576, from one of columns. */
static inline struct edgeq_row edgeq_transform_across(const int32_t *sums)
{
    uint32_t a = (uint32_t)sums[0] + (uint32_t)sums[6];
    uint32_t b = (uint32_t)sums[0] - (uint32_t)sums[6];
    uint32_t c = (uint32_t)sums[18] - (uint32_t)sums[24];
    uint32_t d = (uint32_t)sums[18] + (uint32_t)sums[24];
    struct edgeq_row y = {
        {a + (uint32_t)sums[12] + c, b + 2 * d, a + 4 * c, b + 8 * (d + (uint32_t)sums[30])}};
    return y;
}

/* 576 is 9 * 64: the 9 leaves with its inverse modulo 2^32, and a shift leaves twice the sum. */
#define EDGEQ_INVERSE_OF_9 954437177

/* `bias` is 64 times what it is. */
static inline int8_t edgeq_finish_sum(uint32_t sum, int32_t bias, const int32_t *stage)
{
    int32_t twice = (int32_t)(sum * EDGEQ_INVERSE_OF_9 + (uint32_t)bias) >> 5;
    return (int8_t)edgeq_saturate8(edgeq_stage(
        twice, stage[EDGEQ_STAGE_MULTIPLIER], stage[EDGEQ_STAGE_ADDEND], stage[EDGEQ_STAGE_SHIFT]));
}

#if EDGEQ_DSP && defined(EDGEQ_STAGE_MACRO)

/* r0: sums; r1: output; r2: from an output to its neighbour; r3: from the last of a row to the
 * next; r4 .. r6: the stage, pairs of rows counted in the upper bits of the shift. On the stack:
 * biases, inverse, from a tile to the next, r7, end of the tiles, stages, end of the channels, from
 * a channel's tiles to the next one's, from a channel's outputs to the next one's, bias. */
#define EDGEQ_FINISH_4X4                                                                           \
    EDGEQ_STAGE_MACRO                                                                              \
    ".macro edgeq_output sum, step\n"                                                              \
    "edgeq_stage \\sum, r4, r5, r12\n"                                                             \
    "asr \\sum, \\sum, r6\n"                                                                       \
    "ssat \\sum, #8, \\sum\n"                                                                      \
    "strb \\sum, [r1]\n"                                                                           \
    "add r1, \\step\n"                                                                             \
    ".endm\n"                                                                                      \
    "push {r4-r12, lr}\n"                                                                          \
    "1:\n" /* a channel */                                                                         \
    "ldr r7, [sp, #20]\n"                                                                          \
    "ldr r8, [sp]\n"                                                                               \
    "ldm r7!, {r4, r5, r6}\n"                                                                      \
    "ldr r9, [r8], #4\n"                                                                           \
    "add r6, #256\n"                                                                               \
    "str r7, [sp, #20]\n"                                                                          \
    "str r8, [sp]\n"                                                                               \
    "str r9, [sp, #36]\n"                                                                          \
    "2:\n" /* a tile: its columns */                                                               \
    ".rept 6\n"                                                                                    \
    "ldm r0, {r7, r8, r9, r10, r11, r12}\n"                                                        \
    "rsb r7, r8, r7, lsl #1\n"                                                                     \
    "rsb r10, r11, r10, lsl #1\n"                                                                  \
    "add r9, r10\n"                                                                                \
    "add r11, r7, r11, lsl #1\n"                                                                   \
    "add r8, r8, r10, lsl #2\n"                                                                    \
    "add r12, r7, r12, lsl #3\n"                                                                   \
    "str r11, [r0, #4]\n"                                                                          \
    "str r8, [r0, #8]\n"                                                                           \
    "str r12, [r0, #12]\n"                                                                         \
    "str r9, [r0], #24\n"                                                                          \
    ".endr\n"                                                                                      \
    "sub r0, #144\n"                                                                               \
    "3:\n" /* two rows */                                                                          \
    ".rept 2\n"                                                                                    \
    "ldr r8, [r0, #24]\n"                                                                          \
    "ldr r9, [r0, #48]\n"                                                                          \
    "ldr r10, [r0, #72]\n"                                                                         \
    "ldr r11, [r0, #96]\n"                                                                         \
    "ldr r12, [r0, #120]\n"                                                                        \
    "ldr r7, [r0], #4\n"                                                                           \
    "add lr, r7, r8\n"                                                                             \
    "sub r8, r7, r8\n"                                                                             \
    "sub r7, r10, r11\n"                                                                           \
    "add r10, r11\n"                                                                               \
    "add r9, lr\n"                                                                                 \
    "add r9, r7\n"                                                                                 \
    "add r11, r8, r10, lsl #1\n"                                                                   \
    "add lr, lr, r7, lsl #2\n"                                                                     \
    "add r10, r12\n"                                                                               \
    "add r8, r8, r10, lsl #3\n"                                                                    \
    "ldr r7, [sp, #36]\n"                                                                          \
    "ldr r10, [sp, #4]\n"                                                                          \
    ".irp sum, r9, r11, lr, r8\n"                                                                  \
    "mla \\sum, \\sum, r10, r7\n"                                                                  \
    "asr \\sum, #5\n"                                                                              \
    ".endr\n"                                                                                      \
    "edgeq_output r9, r2\n"                                                                        \
    "edgeq_output r11, r2\n"                                                                       \
    "edgeq_output lr, r2\n"                                                                        \
    "edgeq_output r8, r3\n"                                                                        \
    ".endr\n"                                                                                      \
    "subs r6, #256\n"                                                                              \
    "bpl.w 3b\n"                                                                                   \
    "ldr r7, [sp, #8]\n"                                                                           \
    "ldr r8, [sp, #16]\n"                                                                          \
    "adds r0, #128\n"                                                                              \
    "add r6, #512\n"                                                                               \
    "add r1, r7\n"                                                                                 \
    "cmp r0, r8\n"                                                                                 \
    "bne.w 2b\n"                                                                                   \
    "ldr r7, [sp, #24]\n"                                                                          \
    "ldr r9, [sp, #28]\n"                                                                          \
    "ldr r10, [sp, #32]\n"                                                                         \
    "add r8, #288\n"                                                                               \
    "str r8, [sp, #16]\n"                                                                          \
    "add r0, r9\n"                                                                                 \
    "add r1, r10\n"                                                                                \
    "cmp r0, r7\n"                                                                                 \
    "bne.w 1b\n"                                                                                   \
    "ldr r7, [sp, #12]\n"                                                                          \
    "add sp, #40\n"                                                                                \
    ".purgem edgeq_stage\n"                                                                        \
    ".purgem edgeq_output\n"

#define EDGEQ_TILES_IN_ASSEMBLY

/* As in conv2d/winograd.h. */
static inline void edgeq_finish_tiles(int32_t *sums, int32_t tiles, int32_t channels,
    const int32_t *biases, const int32_t *stages, int8_t *output, int32_t pixel_bytes,
    int32_t row_bytes)
{
    int32_t row_gap = row_bytes - 3 * pixel_bytes;
    int32_t tile_gap = EDGEQ_TILE * (pixel_bytes - row_bytes);
    int32_t *first_end = sums + EDGEQ_PLANE * tiles;
    int32_t *last_end = sums + 2 * EDGEQ_PLANE * channels;
    int32_t sums_gap = 4 * EDGEQ_PLANE * (2 - tiles);
    int32_t channel_gap = 1 - EDGEQ_TILE * tiles * pixel_bytes;
    register int32_t *from __asm__("r0") = sums;
    register int8_t *out __asm__("r1") = output;
    register int32_t pixel __asm__("r2") = pixel_bytes;
    register int32_t gap __asm__("r3") = row_gap;
    register const int32_t *bias __asm__("r4") = biases;
    register int32_t inverse __asm__("r5") = EDGEQ_INVERSE_OF_9;
    register int32_t next __asm__("r6") = tile_gap;
    register int32_t *tiles_end __asm__("r8") = first_end;
    register const int32_t *stage __asm__("r9") = stages;
    register int32_t *end __asm__("r10") = last_end;
    register int32_t next_sums __asm__("r11") = sums_gap;
    register int32_t next_out __asm__("r12") = channel_gap;
    __asm__ volatile(EDGEQ_FINISH_4X4
        : "+r"(from), "+r"(out), "+r"(bias), "+r"(inverse), "+r"(next), "+r"(tiles_end),
        "+r"(stage), "+r"(end), "+r"(next_sums), "+r"(next_out)
        : "r"(pixel), "r"(gap)
        : "lr", "cc", "memory");
}

#endif

#endif
