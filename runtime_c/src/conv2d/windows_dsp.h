/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEQ_CONV2D_WINDOWS_DSP_H
#define EDGEQ_CONV2D_WINDOWS_DSP_H

/* What an output pixel is made of, widened: one of the two rows of inputs of edgeq_multiply_2x4.
 *
 * The taps of a window come in runs that lie side by side in memory, one for each row of the
 * kernel. Of each run, four bytes at a time make two words, (0, 2) and (1, 3), as SXTB16 has them;
 * what is left over of the runs follows behind them all. The weights are in the same order. */

#include "conv2d/window.h"
#include "edgeq/conv2d.h"
#include "isa/widen.h"

/* A window that is not whole in the image, or whose taps do not lie side by side: put together,
 * with zero points where it is not in the image. */
static EDGEQ_OUT_OF_LINE void edgeq_collect_window(const struct edgeq_conv2d_dsp_params *p,
    const int8_t *image, int32_t top, int32_t left, int8_t *window)
{
    const struct edgeq_taps rows = edgeq_taps_inside(top, p->in_h, p->kernel_h, p->dilation_h);
    const struct edgeq_taps cols = edgeq_taps_inside(left, p->in_w, p->kernel_w, p->dilation_w);
    const int32_t run = p->kernel_w * p->in_c;
    const int32_t line = p->dilation_h * p->in_w * p->in_c;
    const int32_t together = p->dilation_w == 1 ? cols.end - cols.begin : 1;
    memset(window, p->input_zero, (size_t)(p->kernel_h * run));
    for (int32_t kx = cols.begin; kx < cols.end; kx += together) {
        int32_t column = left + kx * p->dilation_w;
        const int8_t *from =
            image + ((top + rows.begin * p->dilation_h) * p->in_w + column) * p->in_c;
        int8_t *to = window + rows.begin * run + kx * p->in_c;
        for (int32_t n = rows.end - rows.begin; n > 0; n--, from += line, to += run) {
            edgeq_copy_bytes(to, from, together * p->in_c);
        }
    }
}

#endif
