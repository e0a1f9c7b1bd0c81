/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_OUT_OF_LINE_H
#define EDGEQ_OUT_OF_LINE_H

/* A function whose loop needs the registers for itself: within the loops of its caller a compiler
 * would keep some of its values in memory. */
#if defined(__GNUC__)
#define EDGEQ_OUT_OF_LINE __attribute__((noinline))
#else
#define EDGEQ_OUT_OF_LINE
#endif

#endif
