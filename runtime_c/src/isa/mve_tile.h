/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_MVE_TILE_H
#define EDGEQ_ISA_MVE_TILE_H

/* Four pixels of a convolution at once, for Arm's MVE: VMLADAVA makes 16 products and adds them to
 * a core register of even number, of which there are eight; so pixels meet channels in pairs, and
 * every 16 taps cost 6 loads for 128 products.
 *
 * Channels come in groups of four: first and third, then second and fourth, as the narrowing of
 * vectors interleaves them: a group ends up as a word per pixel.
 *
 * Packed weights have 4 bits: those of a pair's first channel are the low halves of the bytes of
 * which those of the second are the high ones. */

#include "isa/mve_dot.h"
#include "isa/mve_nibbles.h"
#include "isa/mve_stage.h"

#include <stdint.h>

enum { EDGEQ_TILE_PIXELS = 4, EDGEQ_TILE_CHANNELS = 4, EDGEQ_TILE_TAPS = 16 };

/* So many tiles, in the order in which the code below loads it. The taps of a pixel lie side by
 * side, 16 times as many as edgeq_set_blocks was given. `stages` has EDGEQ_MVE_WORDS per channel,
 * in the order of channels in which `weights` has for each pair of them 16 taps of one, 16 of the
 * other, and so on. What is written are 4 * groups channels of each pixel, from a multiple of 4
 * bytes on. From tile to tile, inputs and outputs are so many bytes further. */
struct edgeq_mve_tiles {
    const int8_t *input[EDGEQ_TILE_PIXELS];
    int32_t passes;
    int32_t skipped;
    int32_t output_offset;
    int32_t tiles;
    const int32_t *stages;
    const int8_t *weights;
    int32_t groups;
    int32_t input_step;
    int32_t output_step;
    int8_t *output[EDGEQ_TILE_PIXELS];
};

/* The loop over taps takes EDGEQ_TILE_UNROLLED blocks of 16 per pass, after the first block; the
 * first pass begins within, so many bytes of code behind its beginning (an odd address, as those of
 * code are). */
enum { EDGEQ_TILE_UNROLLED = 4, EDGEQ_TILE_BLOCK_BYTES = 56, EDGEQ_TILE_PACKED_BYTES = 60 };

static inline void edgeq_set_blocks(struct edgeq_mve_tiles *tiles, int32_t blocks, int packed)
{
    int32_t passes = blocks > 1 ? (blocks + EDGEQ_TILE_UNROLLED - 2) / EDGEQ_TILE_UNROLLED : 1;
    int32_t unused = passes * EDGEQ_TILE_UNROLLED - (blocks - 1);
    tiles->passes = passes;
    tiles->skipped = unused * (packed ? EDGEQ_TILE_PACKED_BYTES : EDGEQ_TILE_BLOCK_BYTES) + 1;
}

#if defined(EDGEQ_MVE_ASSEMBLY)

/* Assembler macros. tile_first and tile_second: weights of two channels, at r9; tile_first_sums:
 * what is left to do with the sums of the first. */
#define EDGEQ_TILE_BYTES                                                                           \
    ".macro edgeq_tile_first\n"                                                                    \
    "vldrb.8 q4, [r9], #16\n"                                                                      \
    ".endm\n"                                                                                      \
    ".macro edgeq_tile_second\n"                                                                   \
    "vldrb.8 q5, [r9], #16\n"                                                                      \
    ".endm\n"                                                                                      \
    ".macro edgeq_tile_first_sums\n"                                                               \
    ".endm\n"
#define EDGEQ_TILE_NIBBLES                                                                         \
    ".macro edgeq_tile_first\n"                                                                    \
    "vldrb.8 q5, [r9], #16\n"                                                                      \
    "vshl.i8 q4, q5, #4\n"                                                                         \
    ".endm\n"                                                                                      \
    ".macro edgeq_tile_second\n"                                                                   \
    "vshr.s8 q5, q5, #4\n"                                                                         \
    ".endm\n"                                                                                      \
    ".macro edgeq_tile_first_sums\n"                                                               \
    "vshr.s32 q4, q4, #4\n"                                                                        \
    ".endm\n"

/* tile_block: 16 taps of four pixels (q0 to q3) and two channels (q4, q5), loads and arithmetic in
 * turn, as they overlap; the sums of the first channel are in r0, r2, r4, r6, of the second in r8,
 * r10, r12, lr. `mac` adds to them or, the first time, sets them. tile_pair: all taps; then q4 and
 * q5 are two channels of four pixels, scaled, without the output's zero point. */
#define EDGEQ_TILE_MACROS                                                                          \
    ".macro edgeq_tile_block mac\n"                                                                \
    "edgeq_tile_first\n"                                                                           \
    "vldrb.8 q0, [r1], #16\n"                                                                      \
    "\\mac r0, q0, q4\n"                                                                           \
    "vldrb.8 q1, [r3], #16\n"                                                                      \
    "\\mac r2, q1, q4\n"                                                                           \
    "vldrb.8 q2, [r5], #16\n"                                                                      \
    "\\mac r4, q2, q4\n"                                                                           \
    "vldrb.8 q3, [r7], #16\n"                                                                      \
    "\\mac r6, q3, q4\n"                                                                           \
    "edgeq_tile_second\n"                                                                          \
    "\\mac r8, q0, q5\n"                                                                           \
    "\\mac r10, q1, q5\n"                                                                          \
    "\\mac r12, q2, q5\n"                                                                          \
    "\\mac lr, q3, q5\n"                                                                           \
    ".endm\n"                                                                                      \
    ".macro edgeq_tile_pair loop, entry\n"                                                         \
    "ldmia sp, {r1, r3, r5, r7, r11}\n"                                                            \
    "edgeq_tile_block vmladav.s8\n"                                                                \
    "ldr pc, [sp, #\\entry]\n"                                                                     \
    "\\loop:\n"                                                                                    \
    ".rept 4\n"                                                                                    \
    "edgeq_tile_block vmladava.s8\n"                                                               \
    ".endr\n"                                                                                      \
    "subs r11, r11, #1\n"                                                                          \
    "bne \\loop\\()b\n"                                                                            \
    "vmov d8, r0, r2\n"                                                                            \
    "vmov d9, r4, r6\n"                                                                            \
    "edgeq_tile_first_sums\n"                                                                      \
    "vmov d10, r8, r10\n"                                                                          \
    "vmov d11, r12, lr\n"                                                                          \
    "ldr r0, [sp, #72]\n"                                                                          \
    "ldmia r0!, {r2, r4, r6, r8, r10, r12}\n"                                                      \
    "str r0, [sp, #72]\n"                                                                          \
    "mov lr, #1\n"                                                                                 \
    "edgeq_scale q4, r2, r4, r6, lr\n"                                                             \
    "edgeq_scale q5, r8, r10, r12, lr\n"                                                           \
    ".endm\n"

/* The stack has what edgeq_mve_tiles has, but at `skipped` and behind the outputs where the two
 * loops are to be entered; then the stages and groups that are left. q7 is where the last group of
 * each pixel was written. */
#define EDGEQ_RUN_TILES(tiles, weights)                                                            \
    register const struct edgeq_mve_tiles *words __asm__("r0") = tiles;                            \
    __asm__ volatile(EDGEQ_MVE_STAGE_MACROS weights EDGEQ_TILE_MACROS                              \
        ".p2align 2\n"                                                                             \
        "push {r7}\n"                                                                              \
        "sub sp, sp, #80\n"                                                                        \
        "vldrw.32 q0, [r0], #16\n"                                                                 \
        "vldrw.32 q1, [r0], #16\n"                                                                 \
        "vldrw.32 q2, [r0], #16\n"                                                                 \
        "ldr r1, [r0], #4\n"                                                                       \
        "vldrw.32 q3, [r0]\n"                                                                      \
        "mov r0, sp\n"                                                                             \
        "vstrw.32 q0, [r0], #16\n"                                                                 \
        "vstrw.32 q1, [r0], #16\n"                                                                 \
        "vstrw.32 q2, [r0], #16\n"                                                                 \
        "str r1, [r0], #4\n"                                                                       \
        "mov r2, #4\n"                                                                             \
        "vsub.i32 q3, q3, r2\n"                                                                    \
        "vstrw.32 q3, [r0]\n"                                                                      \
        "ldr r1, [sp, #20]\n"                                                                      \
        "adr.w r2, 3f\n"                                                                           \
        "add r2, r2, r1\n"                                                                         \
        "str r2, [sp, #68]\n"                                                                      \
        "adr.w r2, 2f\n"                                                                           \
        "add r2, r2, r1\n"                                                                         \
        "str r2, [sp, #20]\n"                                                                      \
        "0: ldr r0, [sp, #32]\n"                                                                   \
        "ldrd r9, r2, [sp, #36]\n"                                                                 \
        "strd r0, r2, [sp, #72]\n"                                                                 \
        "add r0, sp, #52\n"                                                                        \
        "vldrw.32 q7, [r0]\n"                                                                      \
        "1:\n"                                                                                     \
        "edgeq_tile_pair 2, 20\n"                                                                  \
        "vqmovnb.s32 q6, q4\n"                                                                     \
        "vqmovnt.s32 q6, q5\n"                                                                     \
        "edgeq_tile_pair 3, 68\n"                                                                  \
        "vqmovnb.s32 q4, q4\n"                                                                     \
        "vqmovnt.s32 q4, q5\n"                                                                     \
        "ldr r0, [sp, #24]\n"                                                                      \
        "vqadd.s16 q6, q6, r0\n"                                                                   \
        "vqadd.s16 q4, q4, r0\n"                                                                   \
        "vqmovnb.s16 q6, q6\n"                                                                     \
        "vqmovnt.s16 q6, q4\n"                                                                     \
        "vstrw.32 q6, [q7, #4]!\n"                                                                 \
        "ldr r2, [sp, #76]\n"                                                                      \
        "subs r2, r2, #1\n"                                                                        \
        "str r2, [sp, #76]\n"                                                                      \
        "bne 1b\n"                                                                                 \
        "ldmia sp, {r1, r3, r5, r7}\n"                                                             \
        "ldrd r0, r2, [sp, #44]\n"                                                                 \
        "add r1, r1, r0\n"                                                                         \
        "add r3, r3, r0\n"                                                                         \
        "add r5, r5, r0\n"                                                                         \
        "add r7, r7, r0\n"                                                                         \
        "stmia sp, {r1, r3, r5, r7}\n"                                                             \
        "add r0, sp, #52\n"                                                                        \
        "vldrw.32 q7, [r0]\n"                                                                      \
        "vadd.i32 q7, q7, r2\n"                                                                    \
        "vstrw.32 q7, [r0]\n"                                                                      \
        "ldr r2, [sp, #28]\n"                                                                      \
        "subs r2, r2, #1\n"                                                                        \
        "str r2, [sp, #28]\n"                                                                      \
        "bne 0b\n"                                                                                 \
        "add sp, sp, #80\n"                                                                        \
        "pop {r7}\n"                                                                               \
        ".purgem edgeq_tile_first\n"                                                               \
        ".purgem edgeq_tile_second\n"                                                              \
        ".purgem edgeq_tile_first_sums\n"                                                          \
        ".purgem edgeq_tile_block\n"                                                               \
        ".purgem edgeq_tile_pair\n" EDGEQ_MVE_STAGE_END                                            \
        : "+r"(words)                                                                              \
        :                                                                                          \
        : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "q0", "q1",   \
        "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory")

static inline void edgeq_mve_run_tiles(const struct edgeq_mve_tiles *tiles)
{
    EDGEQ_RUN_TILES(tiles, EDGEQ_TILE_BYTES);
}

static inline void edgeq_mve_run_packed_tiles(const struct edgeq_mve_tiles *tiles)
{
    EDGEQ_RUN_TILES(tiles, EDGEQ_TILE_NIBBLES);
}

#else

/* The products of a pixel and the channel at `place`. */
static inline int32_t edgeq_tile_dot(
    const int8_t *input, const int8_t *weights, int32_t place, int32_t blocks, int packed)
{
    int32_t pair = (place / 2) * EDGEQ_TILE_TAPS * blocks;
    if (packed) {
        return edgeq_mve_dot_halves(input, weights + pair,
            place % 2 == 0 ? EDGEQ_LOW_HALF : EDGEQ_HIGH_HALF, EDGEQ_TILE_TAPS, blocks);
    }
    weights += 2 * pair + (place % 2) * EDGEQ_TILE_TAPS;
    return edgeq_mve_dot(input, weights, 2 * EDGEQ_TILE_TAPS, blocks);
}

/* Four channels of four pixels. */
static inline void edgeq_run_group(
    const struct edgeq_mve_tiles *t, int32_t blocks, int32_t group, int32_t tile, int packed)
{
    static const int32_t channel_of[EDGEQ_TILE_CHANNELS] = {0, 2, 1, 3};
    int8_t outputs[EDGEQ_TILE_PIXELS][EDGEQ_TILE_CHANNELS];
    for (int32_t i = 0; i < EDGEQ_TILE_CHANNELS; i++) {
        int32_t place = EDGEQ_TILE_CHANNELS * group + i;
        const int32_t *words = t->stages + place * EDGEQ_MVE_WORDS;
        for (int32_t pixel = 0; pixel < EDGEQ_TILE_PIXELS; pixel++) {
            const int8_t *input = t->input[pixel] + tile * t->input_step;
            int32_t sum = edgeq_tile_dot(input, t->weights, place, blocks, packed);
            outputs[pixel][channel_of[i]] = edgeq_mve_stage_s8(words, sum, t->output_offset);
        }
    }
    for (int32_t pixel = 0; pixel < EDGEQ_TILE_PIXELS; pixel++) {
        int8_t *output = t->output[pixel] + tile * t->output_step + EDGEQ_TILE_CHANNELS * group;
        for (int32_t i = 0; i < EDGEQ_TILE_CHANNELS; i++) {
            output[i] = outputs[pixel][i];
        }
    }
}

static inline void edgeq_run_groups(
    const struct edgeq_mve_tiles *tiles, int32_t block_bytes, int packed)
{
    int32_t unused = tiles->skipped / block_bytes;
    int32_t blocks = tiles->passes * EDGEQ_TILE_UNROLLED - unused + 1;
    for (int32_t tile = 0; tile < tiles->tiles; tile++) {
        for (int32_t group = 0; group < tiles->groups; group++) {
            edgeq_run_group(tiles, blocks, group, tile, packed);
        }
    }
}

static inline void edgeq_mve_run_tiles(const struct edgeq_mve_tiles *tiles)
{
    edgeq_run_groups(tiles, EDGEQ_TILE_BLOCK_BYTES, 0);
}

static inline void edgeq_mve_run_packed_tiles(const struct edgeq_mve_tiles *tiles)
{
    edgeq_run_groups(tiles, EDGEQ_TILE_PACKED_BYTES, 1);
}

#endif

#endif
