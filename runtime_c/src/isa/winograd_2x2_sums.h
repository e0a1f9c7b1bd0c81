/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_WINOGRAD_2X2_SUMS_H
#define EDGEQ_ISA_WINOGRAD_2X2_SUMS_H

/* From the sums of F(2x2, 3x3), in isa/winograd_2x2.h, to outputs. */

#include "isa/dsp.h"
#include "stage.h"

/* The columns of a tile of sums, two results in place of four. The second of the four holds the
 * first, too, and the last one the third. */
static inline void edgeq_transform_down(int32_t *sums)
{
    for (int32_t x = 0; x < EDGEQ_SIDE; x++, sums += EDGEQ_SIDE) {
        uint32_t first = (uint32_t)sums[1] + (uint32_t)sums[2];
        uint32_t second = 2 * (uint32_t)sums[0] - (uint32_t)sums[1] + (uint32_t)sums[3];
        sums[1] = (int32_t)(second - (uint32_t)sums[2]);
        sums[0] = (int32_t)first;
    }
}

struct edgeq_row {
    uint32_t at[EDGEQ_TILE];
};

/* A row of outputs, times 4, from one of columns. */
static inline struct edgeq_row edgeq_transform_across(const int32_t *sums)
{
    uint32_t even = (uint32_t)sums[0] + (uint32_t)sums[4];
    uint32_t odd = (uint32_t)sums[0] - (uint32_t)sums[4];
    struct edgeq_row y = {{even + (uint32_t)sums[8], odd + (uint32_t)sums[12]}};
    return y;
}

/* `bias` is doubled. */
static inline int8_t edgeq_finish_sum(uint32_t sum, int32_t bias, const int32_t *stage)
{
    int32_t twice = bias + ((int32_t)sum >> 1);
    return (int8_t)edgeq_saturate8(edgeq_stage(
        twice, stage[EDGEQ_STAGE_MULTIPLIER], stage[EDGEQ_STAGE_ADDEND], stage[EDGEQ_STAGE_SHIFT]));
}

#if EDGEQ_DSP && defined(EDGEQ_STAGE_MACRO)

/* r0: sums; r1: output; r2: from an output to its neighbour; r4 .. r6: the stage. On the stack:
 * biases, from the last of a row to the next, from a tile to the next, r7, end of the tiles,
 * stages, end of the channels, from a channel's tiles to the next one's, from a channel's outputs
 * to the next one's, bias. */
#define EDGEQ_FINISH_2X2                                                                           \
    EDGEQ_STAGE_MACRO                                                                              \
    ".macro edgeq_column at, first, second\n" /* of two rows of outputs */                         \
    "ldr r7, [r0, #16 * \\at]\n"                                                                   \
    "ldr r8, [r0, #16 * \\at + 4]\n"                                                               \
    "ldr r9, [r0, #16 * \\at + 8]\n"                                                               \
    "ldr lr, [r0, #16 * \\at + 12]\n"                                                              \
    "rsb r7, r8, r7, lsl #1\n"                                                                     \
    "sub lr, r9\n"                                                                                 \
    "add \\first, r8, r9\n"                                                                        \
    "add \\second, r7, lr\n"                                                                       \
    ".endm\n"                                                                                      \
    ".macro edgeq_output sum, step\n"                                                              \
    "add \\sum, lr, \\sum, asr #1\n"                                                               \
    "edgeq_stage \\sum, r4, r5, r7\n"                                                              \
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
    "str r7, [sp, #20]\n"                                                                          \
    "str r8, [sp]\n"                                                                               \
    "str r9, [sp, #36]\n"                                                                          \
    "2:\n" /* a tile */                                                                            \
    "edgeq_column 0, r10, r11\n"                                                                   \
    "edgeq_column 1, r8, r7\n"                                                                     \
    "add r12, r10, r8\n"                                                                           \
    "sub r10, r8\n"                                                                                \
    "add r3, r11, r7\n"                                                                            \
    "sub r11, r7\n"                                                                                \
    "edgeq_column 2, r8, r7\n"                                                                     \
    "add r12, r8\n"                                                                                \
    "add r3, r7\n"                                                                                 \
    "edgeq_column 3, r8, r7\n"                                                                     \
    "add r10, r8\n"                                                                                \
    "add r11, r7\n"                                                                                \
    "ldr lr, [sp, #36]\n"                                                                          \
    "ldr r9, [sp, #4]\n"                                                                           \
    "edgeq_output r12, r2\n"                                                                       \
    "edgeq_output r10, r9\n"                                                                       \
    "edgeq_output r3, r2\n"                                                                        \
    "edgeq_output r11, r9\n"                                                                       \
    "ldr r7, [sp, #8]\n"                                                                           \
    "ldr r8, [sp, #16]\n"                                                                          \
    "adds r0, #64\n"                                                                               \
    "add r1, r7\n"                                                                                 \
    "cmp r0, r8\n"                                                                                 \
    "bne.w 2b\n"                                                                                   \
    "ldr r7, [sp, #24]\n"                                                                          \
    "ldr r9, [sp, #28]\n"                                                                          \
    "ldr r10, [sp, #32]\n"                                                                         \
    "add r8, #128\n"                                                                               \
    "str r8, [sp, #16]\n"                                                                          \
    "add r0, r9\n"                                                                                 \
    "add r1, r10\n"                                                                                \
    "cmp r0, r7\n"                                                                                 \
    "bne.w 1b\n"                                                                                   \
    "ldr r7, [sp, #12]\n"                                                                          \
    "add sp, #40\n"                                                                                \
    ".purgem edgeq_stage\n"                                                                        \
    ".purgem edgeq_column\n"                                                                       \
    ".purgem edgeq_output\n"

#define EDGEQ_TILES_IN_ASSEMBLY

/* As in conv2d/winograd.h. */
static inline void edgeq_finish_tiles(int32_t *sums, int32_t tiles, int32_t channels,
    const int32_t *biases, const int32_t *stages, int8_t *output, int32_t pixel_bytes,
    int32_t row_bytes)
{
    int32_t row_gap = row_bytes - pixel_bytes;
    int32_t tile_gap = EDGEQ_TILE * (pixel_bytes - row_bytes);
    int32_t *first_end = sums + EDGEQ_PLANE * tiles;
    int32_t *last_end = sums + 2 * EDGEQ_PLANE * channels;
    int32_t sums_gap = 4 * EDGEQ_PLANE * (2 - tiles);
    int32_t channel_gap = 1 - EDGEQ_TILE * tiles * pixel_bytes;
    register int32_t *from __asm__("r0") = sums;
    register int8_t *out __asm__("r1") = output;
    register int32_t pixel __asm__("r2") = pixel_bytes;
    register const int32_t *bias __asm__("r4") = biases;
    register int32_t gap __asm__("r5") = row_gap;
    register int32_t next __asm__("r6") = tile_gap;
    register int32_t *tiles_end __asm__("r8") = first_end;
    register const int32_t *stage __asm__("r9") = stages;
    register int32_t *end __asm__("r10") = last_end;
    register int32_t next_sums __asm__("r11") = sums_gap;
    register int32_t next_out __asm__("r12") = channel_gap;
    __asm__ volatile(EDGEQ_FINISH_2X2
        : "+r"(from), "+r"(out), "+r"(bias), "+r"(gap), "+r"(next), "+r"(tiles_end), "+r"(stage),
        "+r"(end), "+r"(next_sums), "+r"(next_out)
        : "r"(pixel)
        : "r3", "lr", "cc", "memory");
}

#endif

#endif
