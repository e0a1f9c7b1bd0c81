"""Converters for pools: over windows, and over whole images."""

import math
from collections.abc import Callable

import numpy as np

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import Converter, OpContext
from edgeq.importers.onnx.convolution import spatial
from edgeq.importers.onnx.layout import channels_first, channels_last, from_image, image
from edgeq.importers.onnx.windows import Window, read_window
from edgeq.ir.graph import Array
from edgeq.ops.binary import BinaryAttrs
from edgeq.ops.conv2d import DepthwiseConv2dAttrs
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.gather import GatherAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.pad import PadAttrs
from edgeq.ops.pool import AvgPool2dAttrs, MaxPool2dAttrs
from edgeq.ops.reduce import ReduceAttrs
from edgeq.ops.unary_real import PowerAttrs
from edgeq.ops.windows import output_size

_LARGEST = 1 << 22
"""Elements of what a pool is composed of."""


def _pool(pool: Callable[[OpContext, str, Window], str]) -> Callable[[OpContext], None]:
    """A converter that hands the image and the window to `pool`."""

    def convert(op: OpContext) -> None:
        x = op.required(0)
        window = read_window(op, spatial(op, x), op.ints_attr("kernel_shape"))
        op.output(from_image(op, pool(op, image(op, x), window), len(op.type_of(x).shape)))

    return convert


def _max_pool(op: OpContext, x: str, window: Window) -> str:
    if op.results > 1:
        raise Refusal("the indices of the largest elements are used; accepted: the first output only")
    if window.dilation == (1, 1):
        return op.emit("max_pool2d", [x], MaxPool2dAttrs(window.kernel, window.stride, window.padding))
    for axis in (1, 2):
        x = _max_of_taps(op, x, axis, _taps(window, axis - 1, op.type_of(x).shape[axis]))
    return x


def _max_of_taps(op: OpContext, x: str, axis: int, taps: Array) -> str:
    """The largest along one axis of what each row of `taps` picks."""
    picked = [op.emit("gather", [x, op.add_constant(tap, "tap")], GatherAttrs(axis)) for tap in taps]
    largest = picked[0]
    for other in picked[1:]:
        largest = op.emit("maximum", [largest, other], BinaryAttrs())
    return largest


def _taps(window: Window, axis: int, size: int) -> Array:
    """For each element of a window, where it lies for each output; what lies beyond the image repeats one within."""
    positions, within = _positions(window, axis, size)
    first = np.take_along_axis(positions, within.argmax(axis=0)[None], axis=0)
    return np.where(within, positions, first).astype(np.int32)


def _positions(window: Window, axis: int, size: int) -> tuple[Array, Array]:
    """Along an axis: where the elements of a window lie for each output, and whether that is within the image."""
    kernel, stride, dilation = window.kernel[axis], window.stride[axis], window.dilation[axis]
    before, behind = window.before[axis], window.behind[axis]
    count = output_size(size, kernel, stride, dilation, before + behind)
    if count < 1 or kernel * count > _LARGEST:
        raise Refusal(f"windows of {kernel} with dilation {dilation} over {size} elements; accepted: what fits")
    positions = np.arange(kernel)[:, None] * dilation + np.arange(count) * stride - before
    within = (positions >= 0) & (positions < size)
    if not within.any(axis=0).all():
        raise Refusal("a window lies in the padding as a whole; accepted: windows over at least one element")
    return positions, within


def _average_pool(op: OpContext, x: str, window: Window) -> str:
    """What the last windows have beyond the padding is never counted, the padding only where the file wants it."""
    if op.int_attr("count_include_pad", 0):
        x, window = _padded(op, x, window)
    if window.dilation == (1, 1):
        return op.emit("avg_pool2d", [x], AvgPool2dAttrs(window.kernel, window.stride, window.padding))
    summed = _sum_pool(op, x, window)
    rows, cols = (_positions(window, axis, size)[1].sum(axis=0) for axis, size in enumerate(op.type_of(x).shape[1:3]))
    counts = np.multiply.outer(rows, cols)
    shares = op.add_constant((1 / counts).astype(np.float32)[None, :, :, None], "share")
    return op.emit("mul", [summed, shares], ArithmeticAttrs())


def _padded(op: OpContext, x: str, window: Window) -> tuple[str, Window]:
    """The image with its padding as zeros of its own, and the window over that."""
    behind = tuple(max(0, b - a) for b, a in zip(window.behind, window.after, strict=True))
    inside = Window(window.kernel, window.stride, window.dilation, (0, 0), (0, 0), (behind[0], behind[1]))
    if not any((*window.before, *window.after)):
        return x, inside
    return op.emit("pad", [x], PadAttrs((0, *window.before, 0), (0, *window.after, 0))), inside


def _sum_pool(op: OpContext, x: str, window: Window) -> str:
    """A depthwise convolution with ones."""
    if math.prod(window.kernel) * op.type_of(x).shape[3] > _LARGEST:
        raise Refusal(f"a window of {list(window.kernel)} over {op.type_of(x)}; accepted: smaller ones")
    ones = op.add_constant(np.ones((1, *window.kernel, op.type_of(x).shape[3]), np.float32), "ones")
    attrs = DepthwiseConv2dAttrs(window.stride, window.dilation, window.padding)
    return op.emit("depthwise_conv2d", [x, ones], attrs)


def _lp_pool(op: OpContext, x: str, window: Window) -> str:
    return _root(op, _sum_pool(op, _power(op, x), window))


def _norm(op: OpContext) -> int:
    """Which norm: p."""
    p = op.int_attr("p", 2)
    if p < 1:
        raise Refusal(f"p = {p}; accepted: 1 and more")
    return p


def _power(op: OpContext, x: str) -> str:
    """Magnitudes to the power of p."""
    p = _norm(op)
    if p == 2:
        return op.emit("square", [x], UnaryAttrs())
    magnitudes = op.emit("abs", [x], UnaryAttrs())
    return magnitudes if p == 1 else op.emit("power", [magnitudes], PowerAttrs(float(p)))


def _root(op: OpContext, x: str) -> str:
    """The way back from `_power`."""
    p = _norm(op)
    if p == 1:
        return x
    return op.emit("sqrt", [x], UnaryAttrs()) if p == 2 else op.emit("power", [x], PowerAttrs(1 / p))


def _global(reduce: Callable[[OpContext, str, ReduceAttrs], str]) -> Callable[[OpContext], None]:
    """A converter that reduces everything behind batch and channels."""

    def convert(op: OpContext) -> None:
        shape = op.type(0).shape
        if len(shape) < 3 or math.prod(shape[2:]) < 1:
            raise Refusal(f"input of shape {list(shape)}; accepted: batch, channels, and at least one dimension")
        axes = ReduceAttrs(tuple(range(1, len(shape) - 1)), keep_dims=True)
        op.output(channels_first(op, reduce(op, channels_last(op, op.input(0)), axes)))

    return convert


def _lp_of_all(op: OpContext, x: str, axes: ReduceAttrs) -> str:
    return _root(op, op.emit("sum", [_power(op, x)], axes))


CONVERTERS = {
    "AveragePool": Converter(
        _pool(_average_pool), ("avg_pool2d", "pad", "depthwise_conv2d", "mul", "transpose", "reshape"), "1-D and 2-D"
    ),
    "GlobalAveragePool": Converter(_global(lambda op, x, axes: op.emit("mean", [x], axes)), ("mean", "transpose")),
    "GlobalLpPool": Converter(_global(_lp_of_all), ("square", "abs", "power", "sum", "sqrt", "transpose")),
    "GlobalMaxPool": Converter(
        _global(lambda op, x, axes: op.emit("reduce_max", [x], axes)), ("reduce_max", "transpose")
    ),
    "LpPool": Converter(
        _pool(_lp_pool), ("square", "abs", "power", "depthwise_conv2d", "sqrt", "transpose", "reshape"), "1-D and 2-D"
    ),
    "MaxPool": Converter(
        _pool(_max_pool), ("max_pool2d", "gather", "maximum", "transpose", "reshape"), "1-D and 2-D; without indices"
    ),
}
