/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_BIPOLAR_DIFFERENCES_H
#define EDGEQ_BIPOLAR_DIFFERENCES_H

/* How many bits of two runs of words differ: few cores have an instruction that counts bits, so
 * they are added up side by side within a word: in twos, fours, bytes.
 *
 * Source: Warren, Hacker's Delight, 5-1 and 5-3. */

#include <stddef.h>
#include <stdint.h>

enum {
    /* Words that full adders make three of. */
    EDGEQ_ADDED_WORDS = 7,
    /* So often: then their bits still fit bytes. */
    EDGEQ_ADDED_TIMES = 4
};

/* Sixteen counts of up to 2. */
static inline uint32_t edgeq_count_twos(uint32_t bits)
{
    return bits - ((bits >> 1) & 0x55555555u);
}

/* Eight counts of up to 4. */
static inline uint32_t edgeq_count_fours(uint32_t bits)
{
    uint32_t twos = edgeq_count_twos(bits);
    return (twos & 0x33333333u) + ((twos >> 2) & 0x33333333u);
}

/* Four counts, of eight. */
static inline uint32_t edgeq_count_bytes(uint32_t fours)
{
    return (fours & 0x0F0F0F0Fu) + ((fours >> 4) & 0x0F0F0F0Fu);
}

static inline int32_t edgeq_add_counts(uint32_t bytes)
{
    uint32_t halves = (bytes & 0x00FF00FFu) + ((bytes >> 8) & 0x00FF00FFu);
    return (int32_t)((halves + (halves >> 16)) & 0xFFFFu);
}

/* Adds three bits in each place: the lower bits of the sums to `ones`, which returns the upper
 * ones. */
static inline uint32_t edgeq_full_adder(uint32_t *ones, uint32_t a, uint32_t b)
{
    uint32_t either = a ^ b;
    uint32_t carries = (a & b) | (either & *ones);
    *ones ^= either;
    return carries;
}

/* The differing bits of a word; `mask` has the bits that count, or is null. */
static inline uint32_t edgeq_difference(
    const uint32_t *x, const int32_t *weights, const uint32_t *mask, int32_t i)
{
    uint32_t bits = x[i] ^ (uint32_t)weights[i];
    return mask == NULL ? bits : bits & mask[i];
}

/* Four counts of seven words. */
static inline uint32_t edgeq_count_seven(
    const uint32_t *x, const int32_t *weights, const uint32_t *mask)
{
    uint32_t ones = edgeq_difference(x, weights, mask, 0);
    uint32_t twos = edgeq_full_adder(
        &ones, edgeq_difference(x, weights, mask, 1), edgeq_difference(x, weights, mask, 2));
    uint32_t second = edgeq_full_adder(
        &ones, edgeq_difference(x, weights, mask, 3), edgeq_difference(x, weights, mask, 4));
    uint32_t third = edgeq_full_adder(
        &ones, edgeq_difference(x, weights, mask, 5), edgeq_difference(x, weights, mask, 6));
    uint32_t fours = edgeq_full_adder(&twos, second, third);
    uint32_t lower = edgeq_count_fours(ones) + 2 * edgeq_count_fours(twos);
    return edgeq_count_bytes(lower) + 4 * edgeq_count_bytes(edgeq_count_fours(fours));
}

/* Four counts of up to 6 words. */
static inline uint32_t edgeq_count_few(
    const uint32_t *x, const int32_t *weights, const uint32_t *mask, int32_t words)
{
    uint32_t bytes = 0;
    int32_t i = 0;
    for (; i + 1 < words; i += 2) {
        uint32_t fours = edgeq_count_fours(edgeq_difference(x, weights, mask, i));
        fours += edgeq_count_fours(edgeq_difference(x, weights, mask, i + 1));
        bytes += edgeq_count_bytes(fours);
    }
    if (i < words) {
        bytes += edgeq_count_bytes(edgeq_count_fours(edgeq_difference(x, weights, mask, i)));
    }
    return bytes;
}

/* `mask` has the bits that count, or is null. */
static inline int32_t edgeq_count_differences(
    const uint32_t *x, const int32_t *weights, const uint32_t *mask, int32_t words)
{
    int32_t total = 0;
    while (words >= EDGEQ_ADDED_WORDS) {
        uint32_t bytes = 0;
        for (int32_t i = 0; i < EDGEQ_ADDED_TIMES && words >= EDGEQ_ADDED_WORDS; i++) {
            bytes += edgeq_count_seven(x, weights, mask);
            x += EDGEQ_ADDED_WORDS;
            weights += EDGEQ_ADDED_WORDS;
            mask += mask == NULL ? 0 : EDGEQ_ADDED_WORDS;
            words -= EDGEQ_ADDED_WORDS;
        }
        total += edgeq_add_counts(bytes);
    }
    return words > 0 ? total + edgeq_add_counts(edgeq_count_few(x, weights, mask, words)) : total;
}

#endif
