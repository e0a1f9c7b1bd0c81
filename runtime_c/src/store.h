/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_STORE_H
#define EDGEQ_STORE_H

#include <stdint.h>

/* Element i of an array of int8_t or int16_t: `bytes` is 1 or 2. It is a constant where a kernel
 * calls, so that the compiler drops the branch. */
static inline void edgeq_store(void *array, int32_t i, int32_t value, int32_t bytes)
{
    if (bytes == 1) {
        ((int8_t *)array)[i] = (int8_t)value;
    } else {
        ((int16_t *)array)[i] = (int16_t)value;
    }
}

#endif
