/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_DEPTHWISE_3X3_LOOPS_H
#define EDGEQ_ISA_DEPTHWISE_3X3_LOOPS_H

/* What compilers cannot be brought to: sums, inputs and weights in registers, all of them. Part of
 * depthwise_3x3.h. */

#ifndef EDGEQ_STAGE_MACRO
#define EDGEQ_STAGE_MACRO ".macro edgeq_stage sum, multiplier, addend, spare\n.endm\n"
#endif

/* What the loops keep on the stack for want of registers, behind seven words of their own: stage
 * and bias of the channel, address of the next output, end of the fours of outputs, lines left. A
 * gap is the way from the end of a line to the beginning of the next. */
struct edgeq_loops_3x3 {
    int32_t out_step;      /* 28 */
    int32_t in_line_step;  /* 32 */
    int32_t rest;          /* 36: outputs behind the fours */
    int32_t in_gap;        /* 40 */
    int32_t out_gap;       /* 44 */
    int32_t lines;         /* 48 */
    int32_t fours_bytes;   /* 52 */
    const char *in;        /* 56 */
    int8_t *out;           /* 60 */
    const int32_t *filter; /* 64 */
    int32_t channels;      /* 68 */
};

/* r0 .. r3: sums; r4: inputs; r5 .. r7: a column of these; r8 .. r12, lr: weights.
 *
 * Of a column, a sum takes the first two neighbours, the first one, in the upper half of its words,
 * the last two, or the third one, in the lower half. Addresses are made some instructions before
 * they are used. */
#define EDGEQ_LINES_3X3                                                                            \
    EDGEQ_STAGE_MACRO                                                                              \
    ".macro edgeq_column at\n"                                                                     \
    "ldr r5, [r4, #%c[across] * \\at]\n"                                                           \
    "ldr r6, [r4, #%c[across] * \\at + %c[down]]\n"                                                \
    "ldr r7, [r4, #%c[across] * \\at + %c[down] * 2]\n"                                            \
    ".endm\n"                                                                                      \
    ".macro edgeq_take instruction, sum, before, w0, w1, w2\n"                                     \
    "\\instruction \\sum, r5, \\w0, \\before\n"                                                    \
    "\\instruction \\sum, r6, \\w1, \\sum\n"                                                       \
    "\\instruction \\sum, r7, \\w2, \\sum\n"                                                       \
    ".endm\n"                                                                                      \
    ".macro edgeq_take_01 sum, before\n"                                                           \
    "edgeq_take smlad, \\sum, \\before, r8, r10, r12\n"                                            \
    ".endm\n"                                                                                      \
    ".macro edgeq_take_0 sum, before\n"                                                            \
    "edgeq_take smlatb, \\sum, \\before, r8, r10, r12\n"                                           \
    ".endm\n"                                                                                      \
    ".macro edgeq_take_12 sum\n"                                                                   \
    "edgeq_take smlad, \\sum, \\sum, r9, r11, lr\n"                                                \
    ".endm\n"                                                                                      \
    ".macro edgeq_take_2 sum\n"                                                                    \
    "edgeq_take smlabt, \\sum, \\sum, r9, r11, lr\n"                                               \
    ".endm\n"                                                                                      \
    ".macro edgeq_scale sum\n"                                                                     \
    ".if %c[shift]\n"                                                                              \
    "smmla \\sum, \\sum, r5, r6\n"                                                                 \
    ".else\n"                                                                                      \
    "edgeq_stage \\sum, r5, r6, r7\n"                                                              \
    ".endif\n"                                                                                     \
    ".endm\n"                                                                                      \
    ".macro edgeq_saturate sum, shift\n"                                                           \
    ".if %c[shift]\n"                                                                              \
    "ssat \\sum, #8, \\sum, asr #%c[shift]\n"                                                      \
    ".else\n"                                                                                      \
    "asr \\sum, \\sum, \\shift\n"                                                                  \
    "ssat \\sum, #8, \\sum\n"                                                                      \
    ".endif\n"                                                                                     \
    ".endm\n"                                                                                      \
    "push {r7}\n"                                                                                  \
    "ldm r0, {r1, r2, r3, r4, r5, r6, r8, r9, r10, r11, r12}\n"                                    \
    "push {r1, r2, r3, r4, r5, r6, r8, r9, r10, r11, r12}\n"                                       \
    "sub sp, #28\n"                                                                                \
    "0:\n" /* a channel */                                                                         \
    "ldr r0, [sp, #64]\n"                                                                          \
    "ldr r4, [sp, #56]\n"                                                                          \
    "ldr r5, [sp, #60]\n"                                                                          \
    "ldr r6, [sp, #48]\n"                                                                          \
    "ldr r7, [sp, #52]\n"                                                                          \
    "ldm r0!, {r8, r9, r10, r11, r12, lr}\n"                                                       \
    "str r5, [sp, #16]\n"                                                                          \
    "str r6, [sp, #24]\n"                                                                          \
    "adds r5, #1\n"                                                                                \
    "adds r7, r4\n"                                                                                \
    "str r5, [sp, #60]\n"                                                                          \
    "str r7, [sp, #20]\n"                                                                          \
    "adds r6, r4, #4\n"                                                                            \
    "ldm r0!, {r1, r2, r3, r5}\n"                                                                  \
    "str r6, [sp, #56]\n"                                                                          \
    "str r0, [sp, #64]\n"                                                                          \
    "str r1, [sp, #12]\n"                                                                          \
    "str r2, [sp, #0]\n"                                                                           \
    "str r3, [sp, #4]\n"                                                                           \
    "str r5, [sp, #8]\n"                                                                           \
    "1:\n"                                                                                         \
    "cmp r4, r7\n"                                                                                 \
    "beq 3f\n"                                                                                     \
    "2:\n" /* four outputs */                                                                      \
    "ldr r3, [sp, #12]\n"                                                                          \
    "edgeq_column 0\n"                                                                             \
    "edgeq_take_01 r0, r3\n"                                                                       \
    ".if %c[stride] == 1\n"                                                                        \
    "edgeq_take_0 r1, r3\n"                                                                        \
    "edgeq_column 1\n"                                                                             \
    "edgeq_take_2 r0\n"                                                                            \
    "edgeq_take_12 r1\n"                                                                           \
    "edgeq_take_01 r2, r3\n"                                                                       \
    "edgeq_take_0 r3, r3\n"                                                                        \
    "edgeq_column 2\n"                                                                             \
    "edgeq_take_2 r2\n"                                                                            \
    "edgeq_take_12 r3\n"                                                                           \
    ".else\n"                                                                                      \
    "edgeq_column 1\n"                                                                             \
    "edgeq_take_2 r0\n"                                                                            \
    "edgeq_take_01 r1, r3\n"                                                                       \
    "edgeq_column 2\n"                                                                             \
    "edgeq_take_2 r1\n"                                                                            \
    "edgeq_take_01 r2, r3\n"                                                                       \
    "edgeq_column 3\n"                                                                             \
    "edgeq_take_2 r2\n"                                                                            \
    "edgeq_take_01 r3, r3\n"                                                                       \
    "edgeq_column 4\n"                                                                             \
    "edgeq_take_2 r3\n"                                                                            \
    ".endif\n"                                                                                     \
    "ldr r5, [sp, #0]\n"                                                                           \
    "ldr r6, [sp, #4]\n"                                                                           \
    "edgeq_scale r0\n"                                                                             \
    "edgeq_scale r1\n"                                                                             \
    "edgeq_scale r2\n"                                                                             \
    "edgeq_scale r3\n"                                                                             \
    "ldr r5, [sp, #16]\n"                                                                          \
    "ldr r6, [sp, #28]\n"                                                                          \
    ".if !%c[shift]\n"                                                                             \
    "ldr r7, [sp, #8]\n"                                                                           \
    ".endif\n"                                                                                     \
    "edgeq_saturate r0, r7\n"                                                                      \
    "edgeq_saturate r1, r7\n"                                                                      \
    "edgeq_saturate r2, r7\n"                                                                      \
    "strb r0, [r5]\n"                                                                              \
    "strb r1, [r5, r6]\n"                                                                          \
    "add r5, r5, r6, lsl #1\n"                                                                     \
    "edgeq_saturate r3, r7\n"                                                                      \
    "strb r2, [r5]\n"                                                                              \
    "ldr r7, [sp, #20]\n"                                                                          \
    "strb r3, [r5, r6]\n"                                                                          \
    "add r5, r5, r6, lsl #1\n"                                                                     \
    "add r4, r4, #%c[across] * 2 * %c[stride]\n"                                                   \
    "str r5, [sp, #16]\n"                                                                          \
    "cmp r4, r7\n"                                                                                 \
    "bne 2b\n"                                                                                     \
    "3:\n"                                                                                         \
    "ldr r3, [sp, #36]\n"                                                                          \
    "cmp r3, #0\n"                                                                                 \
    "beq 6f\n"                                                                                     \
    "4:\n" /* two outputs */                                                                       \
    "ldr r1, [sp, #12]\n"                                                                          \
    "edgeq_column 0\n"                                                                             \
    "edgeq_take_01 r0, r1\n"                                                                       \
    ".if %c[stride] == 1\n"                                                                        \
    "edgeq_take_0 r1, r1\n"                                                                        \
    "edgeq_column 1\n"                                                                             \
    "edgeq_take_2 r0\n"                                                                            \
    "edgeq_take_12 r1\n"                                                                           \
    ".else\n"                                                                                      \
    "edgeq_column 1\n"                                                                             \
    "edgeq_take_2 r0\n"                                                                            \
    "edgeq_take_01 r1, r1\n"                                                                       \
    "edgeq_column 2\n"                                                                             \
    "edgeq_take_2 r1\n"                                                                            \
    ".endif\n"                                                                                     \
    "ldr r5, [sp, #0]\n"                                                                           \
    "ldr r6, [sp, #4]\n"                                                                           \
    ".if !%c[shift]\n"                                                                             \
    "ldr r2, [sp, #8]\n"                                                                           \
    ".endif\n"                                                                                     \
    "edgeq_scale r0\n"                                                                             \
    "edgeq_scale r1\n"                                                                             \
    "ldr r5, [sp, #16]\n"                                                                          \
    "ldr r6, [sp, #28]\n"                                                                          \
    "edgeq_saturate r0, r2\n"                                                                      \
    "edgeq_saturate r1, r2\n"                                                                      \
    "strb r0, [r5]\n"                                                                              \
    "add r5, r5, r6\n"                                                                             \
    "subs r3, #1\n"                                                                                \
    "beq 5f\n"                                                                                     \
    "strb r1, [r5]\n"                                                                              \
    "add r5, r5, r6\n"                                                                             \
    "5:\n"                                                                                         \
    "add r4, r4, #%c[across] * %c[stride]\n"                                                       \
    "str r5, [sp, #16]\n"                                                                          \
    "subs r3, #1\n"                                                                                \
    "bgt 4b\n"                                                                                     \
    "6:\n" /* the next line */                                                                     \
    "ldr r0, [sp, #44]\n"                                                                          \
    "ldr r1, [sp, #20]\n"                                                                          \
    "ldr r2, [sp, #32]\n"                                                                          \
    "ldr r3, [sp, #40]\n"                                                                          \
    "ldr r6, [sp, #24]\n"                                                                          \
    "adds r5, r0\n"                                                                                \
    "adds r7, r1, r2\n"                                                                            \
    "adds r4, r3\n"                                                                                \
    "str r5, [sp, #16]\n"                                                                          \
    "str r7, [sp, #20]\n"                                                                          \
    "subs r6, #1\n"                                                                                \
    "str r6, [sp, #24]\n"                                                                          \
    "bne 1b\n"                                                                                     \
    "ldr r0, [sp, #68]\n"                                                                          \
    "subs r0, #1\n"                                                                                \
    "str r0, [sp, #68]\n"                                                                          \
    "bne 0b\n"                                                                                     \
    "add sp, #72\n"                                                                                \
    "pop {r7}\n"                                                                                   \
    ".purgem edgeq_scale\n"                                                                        \
    ".purgem edgeq_saturate\n"                                                                     \
    ".purgem edgeq_stage\n"                                                                        \
    ".purgem edgeq_column\n"                                                                       \
    ".purgem edgeq_take\n"                                                                         \
    ".purgem edgeq_take_01\n"                                                                      \
    ".purgem edgeq_take_0\n"                                                                       \
    ".purgem edgeq_take_12\n"                                                                      \
    ".purgem edgeq_take_2\n"

#define EDGEQ_RUN_LINES_3X3(number)                                                                \
    __asm__ volatile(EDGEQ_LINES_3X3                                                               \
        : "+r"(loops)                                                                              \
        : [stride] "i"(number), [across] "i"(EDGEQ_PLANE_ACROSS), [down] "i"(EDGEQ_PLANE_DOWN),    \
        [shift] "i"(EDGEQ_LINEAR_SHIFT)                                                            \
        : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc",         \
        "memory")

static inline void edgeq_lines_3x3(
    const struct edgeq_lines_3x3 *p, const int32_t *plane, const int32_t *filters, int8_t *out)
{
    int32_t step = EDGEQ_PLANE_ACROSS / 2 * p->stride;
    int32_t in_line_step = EDGEQ_PLANE_DOWN * p->line_stride;
    const struct edgeq_loops_3x3 memory = {
        .out_step = p->out_step,
        .in_line_step = in_line_step,
        .rest = p->length & 3,
        .in_gap = in_line_step - ((p->length + 1) & ~1) * step,
        .out_gap = p->out_line_step - p->length * p->out_step,
        .lines = p->lines,
        .fours_bytes = (p->length & ~3) * step,
        .in = (const char *)plane,
        .out = out,
        .filter = filters,
        .channels = p->channels,
    };
    register const struct edgeq_loops_3x3 *loops __asm__("r0") = &memory;
    if (p->stride == 1) {
        EDGEQ_RUN_LINES_3X3(1);
    } else {
        EDGEQ_RUN_LINES_3X3(2);
    }
}

#endif
