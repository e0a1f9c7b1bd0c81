"""Convolutions of reals in float32: what calibration spends its time on.

Sums differ from those of the same numbers in float64 by rounding; integers are summed in `edgeq.ops.conv2d.accumulate`.
"""

import numpy as np

from edgeq.ops.op import Array
from edgeq.ops.windows import Padding, Pair, windows

_CHUNK = 1 << 20
"""Elements of the input's windows that are copied at a time."""


def convolve(x: Array, weights: Array, stride: Pair, dilation: Pair, padding: Padding, groups: int) -> Array:
    """Sums of products `[batch, out_h, out_w, out_c]`, padded taps 0.

    Args:
        x: `[batch, in_h, in_w, in_c]`.
        weights: O,H,W,I.
        stride: rows and columns between windows.
        dilation: rows and columns between the taps of a window.
        padding: around the image.
        groups: independent convolutions of neighbouring channels.
    """
    x, weights = x.astype(np.float32, copy=False), weights.astype(np.float32, copy=False)
    if weights.shape[1:3] == (1, 1) and not any(padding):
        taps = x[:, :: stride[0], :: stride[1], None, None]
    else:
        taps = windows(x, (weights.shape[1], weights.shape[2]), stride, padding, dilation=dilation)
    sums = np.empty((*taps.shape[:3], weights.shape[0]), np.float32)
    rows = max(1, _CHUNK // int(np.prod(taps.shape[2:])))  # of the output, in chunks of whole images or of one
    images = max(1, rows // taps.shape[1])
    for image in range(0, len(sums), images):
        for row in range(0, taps.shape[1], rows):
            part = np.s_[image : image + images, row : row + rows]
            _products(taps[part], weights, sums[part], groups)
    return sums


def _products(taps: Array, weights: Array, sums: Array, groups: int) -> None:
    """Windows `[..., kernel_h, kernel_w, in_c]` times the weights, as a matrix product per group."""
    depth, out = taps.shape[-1] // groups, len(weights) // groups
    for group in range(groups):
        filters = weights[group * out : (group + 1) * out].reshape(out, -1)
        columns = taps[..., group * depth : (group + 1) * depth].reshape(-1, filters.shape[1])
        sums[..., group * out : (group + 1) * out] = (columns @ filters.T).reshape(*taps.shape[:3], out)


def convolve_depthwise(x: Array, weights: Array, stride: Pair, dilation: Pair, padding: Padding) -> Array:
    """The same for weights 1,H,W,C*multiplier: each input channel has filters of its own. Tap after tap."""
    x, channels = x.astype(np.float32, copy=False), x.shape[3]
    filters = weights[0].astype(np.float32).reshape(*weights.shape[1:3], channels, -1)
    taps = windows(x, (weights.shape[1], weights.shape[2]), stride, padding, dilation=dilation)
    sums = np.zeros((*taps.shape[:3], channels, filters.shape[3]), np.float32)
    images = max(1, _CHUNK // int(np.prod(sums.shape[1:])))
    for first in range(0, len(sums), images):
        part = sums[first : first + images]
        product = np.empty_like(part)
        for row in range(weights.shape[1]):
            for column in range(weights.shape[2]):
                tap = taps[first : first + images, :, :, row, column]
                np.multiply(tap[..., None], filters[row, column], out=product)
                part += product
    return sums.reshape(*sums.shape[:3], -1)
