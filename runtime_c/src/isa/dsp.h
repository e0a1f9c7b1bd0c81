/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_ISA_DSP_H
#define EDGEQ_ISA_DSP_H

/* Instructions of Arm's DSP extension (Cortex-M4, M7, M33) on two halfwords in a word, the first in
 * the lower half; elsewhere the same in C. Bytes in memory are in little-endian order. */

#include "out_of_line.h"

#include <stdint.h>
#include <string.h>

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)
#define EDGEQ_DSP 1
#else
#define EDGEQ_DSP 0
#endif

/* So many products of a weight and an input have sums of 24 bits, whatever they are. */
#define EDGEQ_EXACT_TAPS 504

/* Four bytes at any address. */
static inline int32_t edgeq_load_word(const void *from)
{
    int32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

static inline void edgeq_store_word(void *to, int32_t word)
{
    memcpy(to, &word, sizeof word);
}

static inline void edgeq_store_half(void *to, int16_t half)
{
    memcpy(to, &half, sizeof half);
}

/* For a few bytes: calling memcpy takes longer. */
static inline void edgeq_copy_bytes(int8_t *to, const int8_t *from, int32_t count)
{
    for (; count >= 4; count -= 4, to += 4, from += 4) {
        edgeq_store_word(to, edgeq_load_word(from));
    }
    for (; count > 0; count--) {
        *to++ = *from++;
    }
}

/* acc plus both products of halfwords, modulo 2^32. */
static inline int32_t edgeq_smlad(int32_t a, int32_t b, int32_t acc)
{
#if EDGEQ_DSP
    int32_t result;
    __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(acc));
    return result;
#else
    uint32_t low = (uint32_t)((int16_t)a * (int16_t)b);
    uint32_t high = (uint32_t)((int16_t)(a >> 16) * (int16_t)(b >> 16));
    return (int32_t)((uint32_t)acc + low + high);
#endif
}

/* Bytes 0 and 2 of a word as halfwords, with their signs. */
static inline int32_t edgeq_sxtb16(int32_t word)
{
#if EDGEQ_DSP
    int32_t result;
    __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(word));
    return result;
#else
    uint32_t bytes = (uint32_t)word & 0x00FF00FFu;
    uint32_t signs = (bytes & 0x00800080u) >> 7;
    return (int32_t)(bytes | (signs * 0xFF00u));
#endif
}

/* Bytes 1 and 3, likewise. */
static inline int32_t edgeq_sxtb16_odd(int32_t word)
{
#if EDGEQ_DSP
    int32_t result;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(word));
    return result;
#else
    return edgeq_sxtb16(word >> 8);
#endif
}

/* Bytes 0 and 2 of a word, with their signs, added to halfwords. */
static inline int32_t edgeq_add_sxtb16(int32_t halves, int32_t word)
{
#if EDGEQ_DSP
    int32_t result;
    __asm__("sxtab16 %0, %1, %2" : "=r"(result) : "r"(halves), "r"(word));
    return result;
#else
    uint32_t bytes = (uint32_t)edgeq_sxtb16(word);
    uint32_t low = ((uint32_t)halves + bytes) & 0xFFFFu;
    return (int32_t)((((uint32_t)halves & 0xFFFF0000u) + (bytes & 0xFFFF0000u)) | low);
#endif
}

/* Bytes 1 and 3, likewise. */
static inline int32_t edgeq_add_sxtb16_odd(int32_t halves, int32_t word)
{
#if EDGEQ_DSP
    int32_t result;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(halves), "r"(word));
    return result;
#else
    return edgeq_add_sxtb16(halves, word >> 8);
#endif
}

/* The nearest of [-128, 127]. */
static inline int32_t edgeq_saturate8(int32_t x)
{
#if EDGEQ_DSP
    int32_t result;
    __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(x));
    return result;
#else
    return x < INT8_MIN ? INT8_MIN : (x > INT8_MAX ? INT8_MAX : x);
#endif
}

/* A word of four equal bytes. */
static inline int32_t edgeq_four_bytes(int32_t byte)
{
    return (int32_t)((uint32_t)(uint8_t)byte * 0x01010101u);
}

/* Each of four bytes brought into [low, high], whose bytes are all the same. */
static inline int32_t edgeq_clamp4(int32_t bytes, int32_t low, int32_t high)
{
#if EDGEQ_DSP
    int32_t result, difference;
    __asm__("ssub8 %1, %2, %3\n"
            "sel %0, %2, %3\n"
            "ssub8 %1, %4, %0\n"
            "sel %0, %0, %4"
        : "=&r"(result), "=&r"(difference)
        : "r"(bytes), "r"(low), "r"(high));
    return result;
#else
    int8_t each[4];
    memcpy(each, &bytes, sizeof each);
    for (int32_t i = 0; i < 4; i++) {
        int8_t least = each[i] < (int8_t)low ? (int8_t)low : each[i];
        each[i] = least > (int8_t)high ? (int8_t)high : least;
    }
    memcpy(&bytes, each, sizeof each);
    return bytes;
#endif
}

/* int8 values brought into [low, high], in place. */
static inline void edgeq_clamp_bytes(int8_t *bytes, int32_t count, int32_t low, int32_t high)
{
    int32_t lows = edgeq_four_bytes(low);
    int32_t highs = edgeq_four_bytes(high);
    for (; count >= 4; count -= 4, bytes += 4) {
        edgeq_store_word(bytes, edgeq_clamp4(edgeq_load_word(bytes), lows, highs));
    }
    for (; count > 0; count--, bytes++) {
        *bytes = (int8_t)edgeq_clamp4(*bytes, lows, highs);
    }
}

/* The lower halves of two words, that of the first one in the lower half. */
static inline int32_t edgeq_lower_halves(int32_t a, int32_t b)
{
#if EDGEQ_DSP
    int32_t result;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(result) : "r"(a), "r"(b));
    return result;
#else
    return (int32_t)(((uint32_t)a & 0xFFFFu) | ((uint32_t)b << 16));
#endif
}

/* The upper halves, likewise. */
static inline int32_t edgeq_upper_halves(int32_t a, int32_t b)
{
#if EDGEQ_DSP
    int32_t result;
    __asm__("pkhtb %0, %2, %1, asr #16" : "=r"(result) : "r"(a), "r"(b));
    return result;
#else
    return (int32_t)(((uint32_t)a >> 16) | ((uint32_t)b & 0xFFFF0000u));
#endif
}

/* The larger of each two of four bytes. */
static inline int32_t edgeq_max4(int32_t a, int32_t b)
{
#if EDGEQ_DSP
    int32_t result;
    __asm__("ssub8 %0, %1, %2\n"
            "sel %0, %1, %2"
        : "=&r"(result)
        : "r"(a), "r"(b));
    return result;
#else
    int8_t each[4];
    int8_t other[4];
    memcpy(each, &a, sizeof each);
    memcpy(other, &b, sizeof other);
    for (int32_t i = 0; i < 4; i++) {
        each[i] = each[i] < other[i] ? other[i] : each[i];
    }
    memcpy(&a, each, sizeof each);
    return a;
#endif
}

#endif
