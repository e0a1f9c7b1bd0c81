/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_MVE_BYTES_H
#define EDGEQ_ISA_MVE_BYTES_H

/* Stretches of bytes, 16 at a time, the last of them as many as are left: loops with tail
 * predication, which a core with Arm's MVE runs without branches. Counts are at least 1. */

#include <stdint.h>

#if !defined(__ARM_FEATURE_MVE)
#include <string.h>
#elif defined(__clang__)
#define EDGEQ_VPR "cc" /* Clang has no name for it, and keeps nothing in it. */
#else
#define EDGEQ_VPR "p0" /* GCC's name of the predicate register. */
#endif

static inline void edgeq_mve_copy(int8_t *to, const int8_t *from, int32_t count)
{
#if defined(__ARM_FEATURE_MVE)
    __asm__ volatile("dlstp.8 lr, %[count]\n"
                     "1: vldrb.8 q0, [%[from]], #16\n"
                     "vstrb.8 q0, [%[to]], #16\n"
                     "letp lr, 1b\n"
        : [to] "+r"(to), [from] "+r"(from)
        : [count] "r"(count)
        : "lr", "q0", "memory");
#else
    memcpy(to, from, (size_t)count);
#endif
}

/* Copies `rows` stretches of up to 16 bytes each, whose beginnings are so many bytes apart. */
static inline void edgeq_mve_copy_rows(
    int8_t *to, int32_t to_step, const int8_t *from, int32_t from_step, int32_t rows, int32_t count)
{
#if defined(__ARM_FEATURE_MVE)
    __asm__ volatile("vctp.8 %[count]\n"
                     "dls lr, %[rows]\n"
                     "1: vpstt\n"
                     "vldrbt.8 q0, [%[from]]\n"
                     "vstrbt.8 q0, [%[to]]\n"
                     "add %[from], %[from], %[from_step]\n"
                     "add %[to], %[to], %[to_step]\n"
                     "le lr, 1b\n"
        : [to] "+r"(to), [from] "+r"(from)
        : [to_step] "r"(to_step), [from_step] "r"(from_step), [rows] "r"(rows), [count] "r"(count)
        : "lr", "q0", EDGEQ_VPR, "memory");
#else
    for (; rows > 0; rows--, to += to_step, from += from_step) {
        memcpy(to, from, (size_t)count);
    }
#endif
}

static inline void edgeq_mve_fill(int8_t *to, int32_t value, int32_t count)
{
#if defined(__ARM_FEATURE_MVE)
    __asm__ volatile("vdup.8 q0, %[value]\n"
                     "dlstp.8 lr, %[count]\n"
                     "1: vstrb.8 q0, [%[to]], #16\n"
                     "letp lr, 1b\n"
        : [to] "+r"(to)
        : [value] "r"(value), [count] "r"(count)
        : "lr", "q0", "memory");
#else
    memset(to, value, (size_t)count);
#endif
}

/* Writes `count` bytes, of which the first 16 go to the places that `lanes` has for them; `step`
 * bytes later in `from` all places are `to_step` further. Bytes beyond the first `step` of 16 are
 * written more than once, always the same to the same place. */
static inline void edgeq_mve_scatter(int8_t *to, int32_t to_step, const uint8_t lanes[16],
    const int8_t *from, int32_t step, int32_t count)
{
#if defined(__ARM_FEATURE_MVE)
    __asm__ volatile("vldrb.8 q1, [%[lanes]]\n"
                     "1: vctp.8 %[count]\n"
                     "vpstt\n"
                     "vldrbt.8 q0, [%[from]]\n"
                     "vstrbt.8 q0, [%[to], q1]\n"
                     "add %[from], %[from], %[step]\n"
                     "add %[to], %[to], %[to_step]\n"
                     "subs %[count], %[count], %[step]\n"
                     "bgt 1b\n"
        : [to] "+r"(to), [from] "+r"(from), [count] "+r"(count)
        : [to_step] "r"(to_step), [lanes] "r"(lanes), [step] "r"(step)
        : "q0", "q1", EDGEQ_VPR, "cc", "memory");
#else
    for (; count > 0; count -= step, to += to_step, from += step) {
        for (int32_t i = 0; i < 16 && i < count; i++) {
            to[lanes[i]] = from[i];
        }
    }
#endif
}

/* Each byte to within [low, high]. */
static inline void edgeq_mve_clamp(int8_t *bytes, int32_t low, int32_t high, int32_t count)
{
#if defined(__ARM_FEATURE_MVE)
    __asm__ volatile("vdup.8 q1, %[low]\n"
                     "vdup.8 q2, %[high]\n"
                     "dlstp.8 lr, %[count]\n"
                     "1: vldrb.8 q0, [%[bytes]]\n"
                     "vmax.s8 q0, q0, q1\n"
                     "vmin.s8 q0, q0, q2\n"
                     "vstrb.8 q0, [%[bytes]], #16\n"
                     "letp lr, 1b\n"
        : [bytes] "+r"(bytes)
        : [low] "r"(low), [high] "r"(high), [count] "r"(count)
        : "lr", "q0", "q1", "q2", "memory");
#else
    for (int32_t i = 0; i < count; i++) {
        int32_t byte = bytes[i];
        bytes[i] = (int8_t)(byte < low ? low : (byte > high ? high : byte));
    }
#endif
}

#endif
