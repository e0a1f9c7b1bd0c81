"""Pools over windows of an image, channel by channel: `avg_pool2d` and `max_pool2d`. Padding takes no part in them.

Integer meaning, int8 and int16: TFLite `reference_integer_ops::AveragePool` and `MaxPool`, which leave scale and zero
point as they are. To an average with another scale or zero point the sum of a window is requantized once; the division
by the number of its values is part of the multiplier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import requantize
from edgeq.ir import DType, Shape, TensorType
from edgeq.ops.activation import Activation, quantized_bounds
from edgeq.ops.filters import largest_step, multipliers, require_int32
from edgeq.ops.op import (
    I32,
    Array,
    Lowering,
    Op,
    Params,
    S8Data,
    S32Data,
    require_dtype,
    require_per_tensor,
    require_same_quant,
)
from edgeq.ops.windows import Padding, Pair, nhwc, output_size


@dataclass(frozen=True)
class MaxPool2dAttrs:
    """Geometry of a pool: rows and columns."""

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    activation: Activation = Activation.NONE


@dataclass(frozen=True)
class AvgPool2dAttrs(MaxPool2dAttrs):
    """Geometry of a pool, and how the integer mean is rounded.

    Attributes:
        halves_up: halves are rounded up, as in models that were uint8; otherwise away from zero. Where the sums are
            requantized, they are rounded as all others.
    """

    halves_up: bool = False


@dataclass(frozen=True)
class _Geometry(Params):
    """Sizes of images and windows, and the clamp."""

    batches: I32
    in_h: I32
    in_w: I32
    channels: I32
    out_h: I32
    out_w: I32
    kernel_h: I32
    kernel_w: I32
    stride_h: I32
    stride_w: I32
    pad_top: I32
    pad_left: I32
    act_min: I32
    act_max: I32

    @property
    def windows(self) -> "_Windows":
        """Of every output position."""
        return _Windows(
            _Spans.of(self.in_h, self.out_h, self.kernel_h, self.stride_h, self.pad_top),
            _Spans.of(self.in_w, self.out_w, self.kernel_w, self.stride_w, self.pad_left),
        )


@dataclass(frozen=True)
class PoolParams(_Geometry):
    """Integers of a pool. Halves of a mean are rounded away from `halves_from`; a maximum has none."""

    struct: ClassVar[str] = "pool"

    halves_from: I32


@dataclass(frozen=True)
class ScaledPoolParams(_Geometry):
    """Integers of an average with a scale or zero point of its own.

    A window of `counts[k]` values has `multipliers[k]` and `shifts[k]`: those at the border have fewer.
    """

    struct: ClassVar[str] = "scaled_pool"

    input_offset: I32
    output_offset: I32
    counts: S32Data
    multipliers: S32Data
    shifts: S8Data


def _infer(attrs: MaxPool2dAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x = inputs[0] if inputs else None
    if x is None or len(x.shape) != 4:
        raise Refusal(f"input {x}; expected batch, height, width, channels")
    top, bottom, left, right = attrs.padding
    if max(top, bottom) >= attrs.kernel[0] or max(left, right) >= attrs.kernel[1]:
        raise Refusal(f"padding {attrs.padding} of a window {attrs.kernel}; accepted: less than the window")
    height = output_size(x.shape[1], attrs.kernel[0], attrs.stride[0], 1, top + bottom)
    width = output_size(x.shape[2], attrs.kernel[1], attrs.stride[1], 1, left + right)
    if height < 1 or width < 1:
        raise Refusal(f"window {attrs.kernel} is larger than the padded input {x}")
    return ((x.shape[0], height, width, x.shape[3]),)


@dataclass(frozen=True)
class _Spans:
    """Where the windows along one axis begin and end on the image, per output position."""

    begin: Array
    end: Array

    @staticmethod
    def of(size: int, out: int, kernel: int, stride: int, pad: int) -> "_Spans":
        origins = np.arange(out) * stride - pad
        return _Spans(np.maximum(origins, 0), np.minimum(origins + kernel, size))

    def reduce(self, x: Array, ufunc: np.ufunc, axis: int) -> Array:
        """Each window's values along `axis` combined into one."""
        # reduceat takes begin, end, begin, end ...; one more element behind the image lets a window end there.
        behind = [(0, int(i == axis)) for i in range(x.ndim)]
        bounds = np.stack([self.begin, self.end], axis=1).reshape(-1)
        return np.asarray(ufunc.reduceat(np.pad(x, behind), bounds, axis=axis)).take(range(0, len(bounds), 2), axis)


@dataclass(frozen=True)
class _Windows:
    """The windows of a pool: spans of rows times spans of columns."""

    rows: _Spans
    cols: _Spans

    def reduce(self, x: Array, ufunc: np.ufunc) -> Array:
        """Each window's values of each channel combined into one: `[batch, out_h, out_w, channels]`."""
        return self.cols.reduce(self.rows.reduce(x, ufunc, axis=1), ufunc, axis=2)

    @property
    def counts(self) -> Array:
        """How many values each window has: `[out_h, out_w, 1]`."""
        heights, widths = self.rows.end - self.rows.begin, self.cols.end - self.cols.begin
        return np.asarray(np.multiply.outer(heights, widths)[..., None])


def _float_windows(attrs: MaxPool2dAttrs, x: Array) -> _Windows:
    top, bottom, left, right = attrs.padding
    height = output_size(x.shape[1], attrs.kernel[0], attrs.stride[0], 1, top + bottom)
    width = output_size(x.shape[2], attrs.kernel[1], attrs.stride[1], 1, left + right)
    return _Windows(
        _Spans.of(x.shape[1], height, attrs.kernel[0], attrs.stride[0], top),
        _Spans.of(x.shape[2], width, attrs.kernel[1], attrs.stride[1], left),
    )


def _eval_float_avg(attrs: AvgPool2dAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    windows = _float_windows(attrs, inputs[0])
    mean = windows.reduce(inputs[0].astype(np.float64), np.add) / windows.counts
    return (attrs.activation.apply(mean).astype(np.float32),)


def _eval_float_max(attrs: MaxPool2dAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    largest = _float_windows(attrs, inputs[0]).reduce(inputs[0], np.maximum)
    return (attrs.activation.apply(largest).astype(np.float32),)


def _lower_max(attrs: MaxPool2dAttrs, lowering: Lowering) -> PoolParams:
    x, output = lowering.input(0), lowering.outputs[0]
    geometry = _geometry(attrs, lowering)
    require_same_quant(x, output, "input and output")
    return PoolParams(**geometry, halves_from=0)


def _lower_avg(attrs: AvgPool2dAttrs, lowering: Lowering) -> PoolParams | ScaledPoolParams:
    x, output = lowering.input(0), lowering.outputs[0]
    geometry = _geometry(attrs, lowering)
    largest_count = min(x.shape[1], attrs.kernel[0]) * min(x.shape[2], attrs.kernel[1])
    if x.quant == output.quant:
        # Twice a sum, as rounding adds half the count to it and uint8 models count from -128.
        require_int32(-2 * x.dtype.range[0] * largest_count)
        return PoolParams(**geometry, halves_from=-128 if attrs.halves_up else 0)
    require_per_tensor(output, "output")
    require_int32(largest_step(x) * largest_count)
    counts = np.unique(_Geometry(**geometry).windows.counts)
    mantissas, shifts = multipliers(x, [1 / int(n) for n in counts], output)
    return ScaledPoolParams(
        **geometry,
        input_offset=-x.zero_point,
        output_offset=output.zero_point,
        counts=counts.astype(np.int32),
        multipliers=mantissas,
        shifts=shifts,
    )


def _geometry(attrs: MaxPool2dAttrs, lowering: Lowering) -> dict[str, int]:
    """The fields of `_Geometry`; Refusal where the types are none that pools take."""
    x, output = lowering.input(0), lowering.outputs[0]
    require_dtype(x, DType.S8, DType.S16)
    require_dtype(output, x.dtype, what="output")
    require_per_tensor(x, "input")
    low, high = quantized_bounds(attrs.activation, output)
    batches, in_h, in_w, channels = nhwc(x.shape)
    return {
        "batches": batches,
        "in_h": in_h,
        "in_w": in_w,
        "channels": channels,
        "out_h": output.shape[1],
        "out_w": output.shape[2],
        "kernel_h": attrs.kernel[0],
        "kernel_w": attrs.kernel[1],
        "stride_h": attrs.stride[0],
        "stride_w": attrs.stride[1],
        "pad_top": attrs.padding[0],
        "pad_left": attrs.padding[2],
        "act_min": low,
        "act_max": high,
    }


def _eval_int_avg(params: PoolParams | ScaledPoolParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    match params:
        case ScaledPoolParams():
            return (_scaled_means(params, inputs[0]),)
        case PoolParams():
            return (_means(params, inputs[0]),)


def _means(params: PoolParams, x: Array) -> Array:
    windows = params.windows
    sums = windows.reduce(x.astype(np.int64) - params.halves_from, np.add)
    mean = np.sign(sums) * ((np.abs(sums) + windows.counts // 2) // windows.counts) + params.halves_from
    return np.asarray(np.clip(mean, params.act_min, params.act_max))


def _scaled_means(params: ScaledPoolParams, x: Array) -> Array:
    windows = params.windows
    sums = windows.reduce(x.astype(np.int64) + params.input_offset, np.add)
    size = np.searchsorted(params.counts, windows.counts)
    multiplier, shift = params.multipliers[size], params.shifts[size]
    return requantize(sums, multiplier, shift, params.output_offset, params.act_min, params.act_max)


def _eval_int_max(params: PoolParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    largest = params.windows.reduce(inputs[0], np.maximum)
    return (np.clip(largest, params.act_min, params.act_max),)


AVG_POOL2D = Op(
    name="avg_pool2d",
    attrs=AvgPool2dAttrs,
    infer=_infer,
    eval_float=_eval_float_avg,
    lower=_lower_avg,
    eval_int=_eval_int_avg,
)

MAX_POOL2D = Op(
    name="max_pool2d",
    attrs=MaxPool2dAttrs,
    infer=_infer,
    eval_float=_eval_float_max,
    lower=_lower_max,
    eval_int=_eval_int_max,
)
