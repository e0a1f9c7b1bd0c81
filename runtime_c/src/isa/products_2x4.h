/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_PRODUCTS_2X4_H
#define EDGEQ_ISA_PRODUCTS_2X4_H

/* The inner loop of Winograd's convolution: matrix products of two tiles with the filters of four
 * channels, one for each place of a transformed tile. Who includes this file says EDGEQ_PLANE, how
 * many places there are, and EDGEQ_CHAIN: of so many places the products are summed up, and the
 * sums of each are those of the places before it, too.
 *
 * Memory is made of planes: of a word for each place. First eight of sums, of tile t and channel o
 * in plane 2 * o + t; then those of the inputs, a step at a time, one for each tile. A step is two
 * input channels, as halfwords. They are taken in passes of 16 steps, but fewer in the first, so
 * that the steps of its first half that are left out leave a hole behind the first step. */

#include "isa/dsp.h"

#define EDGEQ_HALF_PASS 8

/* Half passes of so many steps. */
static inline int32_t edgeq_half_passes(int32_t steps)
{
    return (steps + EDGEQ_HALF_PASS - 1) / EDGEQ_HALF_PASS;
}

/* Words of memory for so many steps. */
static inline int32_t edgeq_plane_words(int32_t steps)
{
    return EDGEQ_PLANE * (8 + 2 * EDGEQ_HALF_PASS * edgeq_half_passes(steps));
}

/* Where a step's first plane lies. */
static inline int32_t *edgeq_step_planes(int32_t *memory, int32_t step, int32_t steps)
{
    int32_t hole = EDGEQ_HALF_PASS * edgeq_half_passes(steps) - steps;
    int32_t place = step == 0 ? 0 : step + hole;
    return memory + EDGEQ_PLANE * (8 + 2 * place);
}

#if EDGEQ_DSP

/* Bytes of code of a step, and from the first half of a pass to the second. */
enum { EDGEQ_STEP_CODE = 56, EDGEQ_HALF_CODE = EDGEQ_HALF_PASS * EDGEQ_STEP_CODE + 4 };

/* r0: the place in the first plane; r1: weights, less a word; r2 .. r9: sums; others: loaded. Eight
 * sums, two addresses and four words in a row are all registers but the stack's, so that what is
 * needed once per place is on it: back, end of the chain, limit, entry, end, r7, mode.
 *
 * The flags say what follows a pass: carry that there is another one; zero that the next place of a
 * chain is not entered at the beginning of a pass, as it is where there is one pass with no hole.
 * The comparison with the end of the chain leaves both clear. */
#define EDGEQ_PRODUCTS_MACROS                                                                      \
    ".macro edgeq_step at, add, place=0\n"                                                         \
    "ldr.w r10, [r0, #(8 + 2 * \\at) * 4 * %c[plane] + 4 * \\place]\n"                             \
    "ldr.w r11, [r0, #(9 + 2 * \\at) * 4 * %c[plane] + 4 * \\place]\n"                             \
    "ldr.w r12, [r1, #4]\n"                                                                        \
    "ldr.w lr, [r1, #8]\n"                                                                         \
    "edgeq_four \\add, r2, r3, r4, r5\n"                                                           \
    "ldr.w r12, [r1, #12]\n"                                                                       \
    "ldr.w lr, [r1, #16]!\n"                                                                       \
    "edgeq_four \\add, r6, r7, r8, r9\n"                                                           \
    ".endm\n"                                                                                      \
    ".macro edgeq_four add, a, b, c, d\n"                                                          \
    ".if \\add\n"                                                                                  \
    "smlad \\a, r10, r12, \\a\n"                                                                   \
    "smlad \\b, r11, r12, \\b\n"                                                                   \
    "smlad \\c, r10, lr, \\c\n"                                                                    \
    "smlad \\d, r11, lr, \\d\n"                                                                    \
    ".else\n"                                                                                      \
    "smuad \\a, r10, r12\n"                                                                        \
    "smuad \\b, r11, r12\n"                                                                        \
    "smuad \\c, r10, lr\n"                                                                         \
    "smuad \\d, r11, lr\n"                                                                         \
    ".endif\n"                                                                                     \
    ".endm\n"                                                                                      \
    ".macro edgeq_store place\n"                                                                   \
    "str r2, [r0, #4 * \\place]\n"                                                                 \
    "str r3, [r0, #1 * 4 * %c[plane] + 4 * \\place]\n"                                             \
    "str r4, [r0, #2 * 4 * %c[plane] + 4 * \\place]\n"                                             \
    "str r5, [r0, #3 * 4 * %c[plane] + 4 * \\place]\n"                                             \
    "str r6, [r0, #4 * 4 * %c[plane] + 4 * \\place]\n"                                             \
    "str r7, [r0, #5 * 4 * %c[plane] + 4 * \\place]\n"                                             \
    "str r8, [r0, #6 * 4 * %c[plane] + 4 * \\place]\n"                                             \
    "str r9, [r0, #7 * 4 * %c[plane] + 4 * \\place]\n"                                             \
    ".endm\n"

#define EDGEQ_PRODUCTS_2X4                                                                         \
    EDGEQ_PRODUCTS_MACROS                                                                          \
    ".macro edgeq_enter\n"                                                                         \
    "ldr r10, [sp, #12]\n" /* entry */                                                             \
    "ldr r11, [sp, #24]\n" /* mode */                                                              \
    "lsls r11, #1\n"                                                                               \
    "mov pc, r10\n"                                                                                \
    ".endm\n"                                                                                      \
    ".macro edgeq_leave\n"                                                                         \
    "ldr r10, [sp]\n"     /* back */                                                               \
    "ldr r11, [sp, #4]\n" /* end of the chain */                                                   \
    "add r0, r10\n"                                                                                \
    "cmp r0, r11\n"                                                                                \
    "edgeq_store -1\n"                                                                             \
    ".endm\n"                                                                                      \
    ".balign 4\n" /* as adr counts from such an address */                                         \
    "adr.w r10, 4f\n"                                                                              \
    "add r5, r10\n"                                                                                \
    "push {r2-r9}\n"                                                                               \
    "subs r1, #4\n"                                                                                \
    "b 2f\n"                                                                                       \
    "1:\n" /* a place behind another of its chain */                                               \
    "edgeq_step 0, 1\n"                                                                            \
    "edgeq_enter\n"                                                                                \
    "2:\n" /* the first place of a chain */                                                        \
    "edgeq_step 0, 0\n"                                                                            \
    "edgeq_enter\n"                                                                                \
    "3:\n"                /* another pass */                                                       \
    "ldr r10, [sp, #8]\n" /* limit */                                                              \
    "add.w r0, r0, #16 * 4 * %c[plane]\n"                                                          \
    "cmp r10, r0\n"                                                                                \
    "eors r11, r11\n"                                                                              \
    "4:\n"                                                                                         \
    ".irp at, 0, 1, 2, 3, 4, 5, 6, 7\n"                                                            \
    "edgeq_step \\at, 1\n"                                                                         \
    ".endr\n"                                                                                      \
    "add.w r0, r0, #16 * 4 * %c[plane]\n"                                                          \
    ".irp at, 0, 1, 2, 3, 4, 5, 6, 7\n"                                                            \
    "edgeq_step \\at, 1\n"                                                                         \
    ".endr\n"                                                                                      \
    "bcs.w 3b\n"                                                                                   \
    "beq.w 6f\n"                                                                                   \
    "edgeq_leave\n"                                                                                \
    "blo.w 4b\n"                                                                                   \
    "5:\n"                 /* the end of a chain */                                                \
    "ldr r10, [sp, #16]\n" /* end */                                                               \
    "add r11, #4 * %c[chain]\n"                                                                    \
    "str r11, [sp, #4]\n"                                                                          \
    "cmp r0, r10\n"                                                                                \
    "blo.w 2b\n"                                                                                   \
    "b.w 7f\n"                                                                                     \
    "6:\n"                                                                                         \
    "edgeq_leave\n"                                                                                \
    "blo.w 1b\n"                                                                                   \
    "b 5b\n"                                                                                       \
    "7:\n"                                                                                         \
    "adds r1, #4\n"                                                                                \
    "ldr r7, [sp, #20]\n"                                                                          \
    "add sp, #32\n"                                                                                \
    ".purgem edgeq_enter\n"                                                                        \
    ".purgem edgeq_leave\n"                                                                        \
    ".purgem edgeq_step\n"                                                                         \
    ".purgem edgeq_four\n"                                                                         \
    ".purgem edgeq_store\n"

/* The same for EDGEQ_HALF_PASS steps, a chain at a time. */
#define EDGEQ_PRODUCTS_CHAIN                                                                       \
    EDGEQ_PRODUCTS_MACROS                                                                          \
    "push {r2, r7}\n"                                                                              \
    "subs r1, #4\n"                                                                                \
    "1:\n"                                                                                         \
    ".set edgeq_place, 0\n"                                                                        \
    ".rept %c[chain]\n"                                                                            \
    ".irp at, 0, 1, 2, 3, 4, 5, 6, 7\n"                                                            \
    "edgeq_step \\at, (\\at + edgeq_place), edgeq_place\n"                                         \
    ".endr\n"                                                                                      \
    "edgeq_store edgeq_place\n"                                                                    \
    ".set edgeq_place, edgeq_place + 1\n"                                                          \
    ".endr\n"                                                                                      \
    "ldr r10, [sp]\n" /* end */                                                                    \
    "adds r0, #4 * %c[chain]\n"                                                                    \
    "cmp r0, r10\n"                                                                                \
    "blo.w 1b\n"                                                                                   \
    "adds r1, #4\n"                                                                                \
    "ldr r7, [sp, #4]\n"                                                                           \
    "add sp, #8\n"                                                                                 \
    ".purgem edgeq_step\n"                                                                         \
    ".purgem edgeq_four\n"                                                                         \
    ".purgem edgeq_store\n"

static inline const int32_t *edgeq_products_chains(int32_t *memory, const int32_t *weights)
{
    int32_t *last_end = memory + EDGEQ_PLANE;
    register int32_t *x __asm__("r0") = memory;
    register const int32_t *w __asm__("r1") = weights;
    register int32_t *end __asm__("r2") = last_end;
    __asm__ volatile(EDGEQ_PRODUCTS_CHAIN
        : "+r"(x), "+r"(w), "+r"(end)
        : [plane] "i"(EDGEQ_PLANE), [chain] "i"(EDGEQ_CHAIN)
        : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    return w;
}

/* All places, for weights of four words per step; returns the weights behind the last. */
static inline const int32_t *edgeq_products_2x4(
    int32_t *memory, const int32_t *weights, int32_t steps)
{
    if (steps == EDGEQ_HALF_PASS) {
        return edgeq_products_chains(memory, weights);
    }
    int32_t halves = edgeq_half_passes(steps);
    int32_t hole = EDGEQ_HALF_PASS * halves - steps;
    int32_t half_bytes = 2 * EDGEQ_HALF_PASS * EDGEQ_PLANE * (int32_t)sizeof *memory;
    int32_t way_back = (int32_t)sizeof *memory - (halves - 1) * half_bytes;
    int32_t *first_end = memory + EDGEQ_CHAIN;
    int32_t *last_end = memory + EDGEQ_PLANE;
    uint32_t last_pass = (uint32_t)(uintptr_t)memory + (uint32_t)((halves - 2) * half_bytes) - 1;
    int32_t skipped = (1 + hole) * EDGEQ_STEP_CODE + halves % 2 * EDGEQ_HALF_CODE;
    uint32_t flags = halves > 2 ? 0x80000000u : (halves == 2 && hole == 0 ? 1 : 0);
    /* To compute one could change another. */
    register int32_t *x __asm__("r0") = memory;
    register const int32_t *w __asm__("r1") = weights;
    register int32_t back __asm__("r2") = way_back;
    register int32_t *chain_end __asm__("r3") = first_end;
    register uint32_t limit __asm__("r4") = last_pass;
    register int32_t entry __asm__("r5") = skipped;
    register int32_t *end __asm__("r6") = last_end;
    register uint32_t mode __asm__("r8") = flags;
    __asm__ volatile(EDGEQ_PRODUCTS_2X4
        : "+r"(x), "+r"(w), "+r"(back), "+r"(chain_end), "+r"(limit), "+r"(entry), "+r"(end),
        "+r"(mode)
        : [plane] "i"(EDGEQ_PLANE), [chain] "i"(EDGEQ_CHAIN)
        : "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    return w;
}

#else

static inline const int32_t *edgeq_products_2x4(
    int32_t *memory, const int32_t *weights, int32_t steps)
{
    for (int32_t place = 0; place < EDGEQ_PLANE; place++) {
        for (int32_t plane = 0; plane < 8; plane++) {
            int32_t *sum = memory + plane * EDGEQ_PLANE + place;
            *sum = place % EDGEQ_CHAIN == 0 ? 0 : sum[-1];
        }
        for (int32_t step = 0; step < steps; step++, weights += 4) {
            const int32_t *x = edgeq_step_planes(memory, step, steps) + place;
            for (int32_t plane = 0; plane < 8; plane++) {
                int32_t *sum = memory + plane * EDGEQ_PLANE + place;
                *sum = edgeq_smlad(x[plane % 2 * EDGEQ_PLANE], weights[plane / 2], *sum);
            }
        }
    }
    return weights;
}

#endif

#endif
