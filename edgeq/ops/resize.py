"""`resize_nearest` and `resize_bilinear`: height and width of an NHWC image.

Which pixels an output is made of depends on its row and column alone: tables, computed in `lower` with the numbers
that TFLite Micro computes at run time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import rounding_divide_by_pot
from edgeq.ir import DType, Shape, TensorType
from edgeq.ops.op import I32, Array, Lowering, Op, Params, S16Data, require_dtype, require_same_quant
from edgeq.ops.windows import Pair, nhwc

_LARGEST_SIZE = 32767
"""Pixels along an axis: what the tables hold."""

_LARGEST_OUTPUT = 1 << 23
"""Elements; far more than a microcontroller holds."""


@dataclass(frozen=True)
class ResizeAttrs:
    """The new height and width, and where the pixels are thought to be.

    Attributes:
        size: height, width.
        align_corners: the corner pixels of input and output coincide.
        half_pixel_centers: a pixel is where its middle is, not its corner.
    """

    size: Pair
    align_corners: bool = False
    half_pixel_centers: bool = False


@dataclass(frozen=True)
class ResizeNearestParams(Params):
    """Output row y is input row `rows[y]`, column x is input column `columns[x]`; pixels are `pixel_bytes` long."""

    struct: ClassVar[str] = "resize_nearest"

    batches: I32
    in_h: I32
    in_w: I32
    out_h: I32
    out_w: I32
    pixel_bytes: I32
    rows: S16Data
    columns: S16Data


@dataclass(frozen=True)
class ResizeBilinearParams(Params):
    """Output row y lies `row_weights[y] / 1024` of the way from input row `rows[y]` to the next; columns likewise."""

    struct: ClassVar[str] = "resize_bilinear"

    batches: I32
    in_h: I32
    in_w: I32
    channels: I32
    out_h: I32
    out_w: I32
    rows: S16Data
    row_weights: S16Data
    columns: S16Data
    column_weights: S16Data


def _infer(attrs: ResizeAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x = inputs[0]
    if x is None or len(x.shape) != 4:
        raise Refusal(f"input {x}; accepted: batch, height, width, channels")
    sizes = (*x.shape[1:3], *attrs.size)
    if min(sizes) < 1 or max(sizes) > _LARGEST_SIZE:
        raise Refusal(f"resizing {x} to {list(attrs.size)}; accepted: sizes of 1..{_LARGEST_SIZE}")
    shape = (x.shape[0], *attrs.size, x.shape[3])
    if math.prod(shape) > _LARGEST_OUTPUT:
        raise Refusal(f"resizing {x} to {list(attrs.size)}; accepted: outputs of up to {_LARGEST_OUTPUT} elements")
    return (shape,)


def _nearest(attrs: ResizeAttrs, axis: int, size: int) -> Array:
    """The input index of each output index along an axis (0 height, 1 width) of `size` input pixels.

    Source: TFLite `GetNearestNeighbor` (reference/resize_nearest_neighbor.h), in float32 as there.
    """
    out = attrs.size[axis]
    aligned = attrs.align_corners and out > 1
    scale = np.float32(size - 1) / np.float32(out - 1) if aligned else np.float32(size) / np.float32(out)
    offset = np.float32(0.5 if attrs.half_pixel_centers else 0.0)
    places = (np.arange(out, dtype=np.float32) + offset) * scale
    # Adding the half in float64 is exact: halves round up, as C's round does for positive numbers.
    indices = np.floor(places.astype(np.float64) + 0.5) if attrs.align_corners else np.floor(places)
    return np.minimum(indices, size - 1).astype(np.int16)


def _bilinear(attrs: ResizeAttrs, axis: int, size: int) -> tuple[Array, Array]:
    """The input index before each output index along an axis, and the weight in 1/1024 of the one behind it.

    Source: TFLite `ComputeInterpolationValuesInteger` (reference/resize_bilinear.h). Where the rounded scale leads
    past the last pixel by a pixel and more (a magnification by dozens), TFLite reads behind the row; here it stays
    at the last pixel.
    """
    out = attrs.size[axis]
    steps, intervals = (size - 1, out - 1) if attrs.align_corners and out > 1 else (size, out)
    scale = (1024 * steps + intervals // 2) // intervals
    places = np.arange(out) * scale + (scale // 2 - 512 if attrs.half_pixel_centers else 0)
    places = np.clip(places, 0, 1024 * (size - 1))
    return (places // 1024).astype(np.int16), (places % 1024).astype(np.int16)


def _lower_nearest(attrs: ResizeAttrs, lowering: Lowering) -> ResizeNearestParams:
    x, output = lowering.input(0), lowering.outputs[0]
    require_dtype(output, x.dtype, what="output")
    require_same_quant(x, output, "input and output")
    batches, height, width, channels = nhwc(x.shape)
    return ResizeNearestParams(
        batches=batches,
        in_h=height,
        in_w=width,
        out_h=attrs.size[0],
        out_w=attrs.size[1],
        pixel_bytes=channels * x.dtype.bytes,
        rows=_nearest(attrs, 0, height),
        columns=_nearest(attrs, 1, width),
    )


def _lower_bilinear(attrs: ResizeAttrs, lowering: Lowering) -> ResizeBilinearParams:
    x, output = lowering.input(0), lowering.outputs[0]
    require_dtype(x, DType.S8, DType.S16)
    require_dtype(output, x.dtype, what="output")
    require_same_quant(x, output, "input and output")
    batches, height, width, channels = nhwc(x.shape)
    rows, row_weights = _bilinear(attrs, 0, height)
    columns, column_weights = _bilinear(attrs, 1, width)
    return ResizeBilinearParams(
        batches=batches,
        in_h=height,
        in_w=width,
        channels=channels,
        out_h=attrs.size[0],
        out_w=attrs.size[1],
        rows=rows,
        row_weights=row_weights,
        columns=columns,
        column_weights=column_weights,
    )


def _eval_nearest(params: ResizeNearestParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x = inputs[0].reshape(params.batches, params.in_h, params.in_w, -1)
    return (x[:, params.rows][:, :, params.columns],)


def _eval_bilinear(params: ResizeBilinearParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x = inputs[0].reshape(params.batches, params.in_h, params.in_w, params.channels).astype(np.int64)
    x = _interpolate(x, 1, params.rows, params.row_weights.astype(np.int64), 1024)
    x = _interpolate(x, 2, params.columns, params.column_weights.astype(np.int64), 1024)
    return (rounding_divide_by_pot(x, 20),)


def _interpolate(x: Array, axis: int, indices: Array, weights: Array, one: int) -> Array:
    """Pixels between `indices` and the following ones; `one` is the weight of a whole pixel."""
    following = np.minimum(indices.astype(np.int64) + 1, x.shape[axis] - 1)
    weights = weights.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    return np.asarray(np.take(x, indices, axis) * (one - weights) + np.take(x, following, axis) * weights)


def _eval_nearest_float(attrs: ResizeAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x = inputs[0]
    return (x[:, _nearest(attrs, 0, x.shape[1])][:, :, _nearest(attrs, 1, x.shape[2])],)


def _eval_bilinear_float(attrs: ResizeAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x = inputs[0]
    for axis in (0, 1):
        size, out = x.shape[axis + 1], attrs.size[axis]
        scale = (size - 1) / (out - 1) if attrs.align_corners and out > 1 else size / out
        centre = 0.5 if attrs.half_pixel_centers else 0.0
        places = np.clip((np.arange(out) + centre) * scale - centre, 0, size - 1)
        weights, indices = np.modf(places)
        x = _interpolate(x, axis + 1, indices.astype(np.int64), weights.astype(np.float32), 1)
    return (x,)


RESIZE_NEAREST = Op(
    name="resize_nearest",
    attrs=ResizeAttrs,
    infer=_infer,
    eval_float=_eval_nearest_float,
    lower=_lower_nearest,
    eval_int=_eval_nearest,
)

RESIZE_BILINEAR = Op(
    name="resize_bilinear",
    attrs=ResizeAttrs,
    infer=_infer,
    eval_float=_eval_bilinear_float,
    lower=_lower_bilinear,
    eval_int=_eval_bilinear,
    macs=lambda params: 4 * math.prod((params.batches, params.out_h, params.out_w, params.channels)),
)
