"""Sliding windows over NHWC tensors: geometry and views shared by convolutions and pools."""

from typing import Any

import numpy as np

from edgeq.errors import Refusal
from edgeq.ir import Shape, TensorType

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]
"""Rows above, rows below, columns left, columns right."""

_LARGEST_PADDED = 1 << 23
"""Elements. Padding that reaches further than any microcontroller's image comes from a broken file."""


def output_size(size: int, kernel: int, stride: int, dilation: int, pad: int) -> int:
    """Number of window positions along one axis; below 1 where the window does not fit."""
    return (size + pad - (kernel - 1) * dilation - 1) // stride + 1


def window_shape(input_: TensorType, kernel: Pair, stride: Pair, dilation: Pair, padding: Padding) -> Pair:
    """Output height and width; Refusal where the input is not NHWC or the window does not fit."""
    if len(input_.shape) != 4:
        raise Refusal(f"input {input_} has rank {len(input_.shape)}; expected batch, height, width, channels")
    top, bottom, left, right = padding
    batches, in_h, in_w, channels = input_.shape
    padded = batches * (in_h + top + bottom) * (in_w + left + right) * channels
    if padded > _LARGEST_PADDED:
        raise Refusal(f"input {input_} with padding {padding} has {padded} elements; accepted: up to {_LARGEST_PADDED}")
    height = output_size(in_h, kernel[0], stride[0], dilation[0], top + bottom)
    width = output_size(in_w, kernel[1], stride[1], dilation[1], left + right)
    if height < 1 or width < 1:
        raise Refusal(f"window {kernel} with dilation {dilation} is larger than the padded input {input_}")
    return height, width


def windows(
    x: np.ndarray[Any, Any],
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    *,
    dilation: Pair = (1, 1),
    fill: float = 0,
) -> np.ndarray[Any, Any]:
    """A view `[batch, out_h, out_w, kernel_h, kernel_w, channels]` of `x` padded with `fill`."""
    top, bottom, left, right = padding
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    out_h = output_size(x.shape[1], kernel[0], stride[0], dilation[0], 0)
    out_w = output_size(x.shape[2], kernel[1], stride[1], dilation[1], 0)
    batch, rows, columns, channel = x.strides
    return np.lib.stride_tricks.as_strided(
        x,
        (x.shape[0], out_h, out_w, *kernel, x.shape[3]),
        (batch, rows * stride[0], columns * stride[1], rows * dilation[0], columns * dilation[1], channel),
        writeable=False,
    )


def nhwc(shape: Shape) -> tuple[int, int, int, int]:
    """Unpack a rank-4 shape."""
    batch, height, width, channels = shape
    return batch, height, width, channels
