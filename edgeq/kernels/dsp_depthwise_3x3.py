"""3x3 depthwise convolutions for Arm's DSP extension: what `edgeq_depthwise_conv2d_3x3_s8__dsp` is given.

Four channels at a time are widened into planes of int16, from which all outputs are computed that can be. A plane holds
a few lines of the image: rows or, where four outputs at a time fit these better, columns.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from edgeq.errors import Refusal
from edgeq.kernels.dsp_depthwise import scaled_filters
from edgeq.kernels.linear_stages import SHIFT, make_linear_stages
from edgeq.kernels.steps import Scaling
from edgeq.ops.conv2d import Conv2dParams
from edgeq.ops.op import I32, Array, Params, S32Data

_CHANNELS = 4
"""That are widened together."""

_WORD = 4
_KERNEL = 3

_STRIDES = (1, 2)
"""Along a line; across, any will do."""


@dataclass(frozen=True)
class Filters:
    """What a kernel needs of the channels.

    Attributes:
        weights: int64 `[row, column, channel]`, without their zero point.
        exponents: powers of two that they are multiplied with, per channel.
        bias: in the steps of these products.
        words: int `[channels, 3]` of the output stage.
    """

    weights: Array
    exponents: Array
    bias: Array
    words: Array

    def lines(self, *, transposed: bool) -> Array:
        """The weights `[channel, line, position]`; kernel columns are lines where `transposed`."""
        lines: Array = self.weights.transpose(2, 1, 0) if transposed else self.weights.transpose(2, 0, 1)
        return lines


Scale = Callable[[Conv2dParams], Filters]
"""Refusal where a layer does not fit."""


class Layout(Protocol):
    """Makes the constants of a kernel; with kernel columns as lines where `transposed`."""

    def __call__(self, filters: Filters, *, transposed: bool) -> Array:
        """`[channels, words]`."""


@dataclass(frozen=True)
class Depthwise3x3Params(Params):
    """Integers of the kernel; see the struct's comment. `filters` is int32 `[channels, words]`."""

    struct: ClassVar[str] = "depthwise_3x3"

    batches: I32
    channels: I32
    in_lines: I32
    in_length: I32
    in_step: I32
    in_line_step: I32
    out_lines: I32
    out_length: I32
    out_step: I32
    out_line_step: I32
    line_begin: I32
    line_end: I32
    stride: I32
    line_stride: I32
    line_pad: I32
    filling: I32
    columns: I32
    columns_before: I32
    column_first: I32
    columns_whole: I32
    column_last: I32
    columns_behind: I32
    input_zero: I32
    act_min: I32
    act_max: I32
    weight_bits: I32
    filters: S32Data


@dataclass(frozen=True)
class _Axis:
    """Rows or columns: how many there are, how far apart, and how the windows lie."""

    inputs: int
    in_step: int
    outputs: int
    out_step: int
    stride: int
    pad: int


def refuses(scale: Scale) -> Callable[[Conv2dParams], str | None]:
    """Why a kernel cannot compute a layer, if so."""

    def reason(params: Conv2dParams) -> str | None:
        try:
            _require(params)
            scale(params)
        except Refusal as refusal:
            return str(refusal)
        return None

    return reason


def _require(params: Conv2dParams) -> None:
    kernel, dilation = (params.kernel_h, params.kernel_w), (params.dilation_h, params.dilation_w)
    if kernel != (_KERNEL, _KERNEL) or dilation != (1, 1):
        raise Refusal(f"a kernel {kernel} with dilation {dilation}; accepted: (3, 3) and (1, 1)")
    if params.stride_w not in _STRIDES:
        raise Refusal(f"a stride of {params.stride_w} along rows; accepted: 1 or 2")
    if params.out_c != params.in_c or params.in_c < _CHANNELS:
        raise Refusal(f"{params.in_c} channels to {params.out_c}; accepted: as many, and at least {_CHANNELS}")
    if params.out_h > params.in_h or params.out_w > params.in_w or max(params.pad_top, params.pad_left) >= _KERNEL:
        raise Refusal("padding that makes the output larger than the input; accepted: less")  # it may be in its place
    if params.bias_row is not None:
        raise Refusal("the bias differs by position; accepted: one per channel")


def wide_words(filters: Filters, *, transposed: bool) -> Array:
    """`[channels, 10]`: weights of each line, bias and stage."""
    lines = filters.lines(transposed=transposed) << filters.exponents[:, None, None]
    pairs = np.stack([lines[:, :, :2], lines[:, :, 1:]], axis=2)
    halves = np.ascontiguousarray(pairs.astype("<i2"))
    return np.hstack([halves.view("<i4").reshape(-1, 6), filters.bias[:, None], filters.words]).astype(np.int32)


def pack(plane_lines: int, scale: Scale, layout: Layout = wide_words) -> Callable[[Conv2dParams], Depthwise3x3Params]:
    """A kernel's integers, for planes of so many lines; rows or columns as lines, whichever takes less time."""

    def integers(params: Conv2dParams) -> Depthwise3x3Params:
        step = params.in_c
        down = _Axis(
            params.in_h, step * params.in_w, params.out_h, step * params.out_w, params.stride_h, params.pad_top
        )
        across = _Axis(params.in_w, step, params.out_w, step, params.stride_w, params.pad_left)
        ways = [(down, across)]
        if _columns_work(down, across, plane_lines):
            ways.append((across, down))
        lines, along = min(ways, key=lambda way: _effort(*way))
        columns = _Columns.of(along)
        return Depthwise3x3Params(
            batches=params.batches,
            channels=params.in_c,
            in_lines=lines.inputs,
            in_length=along.inputs,
            in_step=along.in_step,
            in_line_step=lines.in_step,
            out_lines=lines.outputs,
            out_length=along.outputs,
            out_step=along.out_step,
            out_line_step=lines.out_step,
            line_begin=0,
            line_end=lines.outputs,
            stride=along.stride,
            line_stride=lines.stride,
            line_pad=lines.pad,
            filling=_filling(lines, plane_lines),
            columns=columns.count,
            columns_before=columns.before,
            column_first=columns.first,
            columns_whole=columns.whole,
            column_last=columns.last,
            columns_behind=columns.behind,
            input_zero=-params.input_offset,
            act_min=params.act_min,
            act_max=params.act_max,
            weight_bits=params.weight_bits,
            filters=layout(scale(params), transposed=lines is across),
        )

    return integers


def _filling(lines: _Axis, plane_lines: int) -> int:
    """Lines of output that are computed from one filling of the planes."""
    return (plane_lines - _KERNEL) // lines.stride + 1


def _columns_work(down: _Axis, across: _Axis, plane_lines: int) -> bool:
    """Whether columns may be taken as lines, where the output may be in the input's place.

    If it is smaller, it grows row by row there: one of several columns would overwrite pixels that are still needed.
    """
    whole = across.outputs <= _filling(across, plane_lines)
    same = (down.inputs, across.inputs) == (down.outputs, across.outputs)
    return down.stride in _STRIDES and (whole or same)


def scratch(plane_lines: int) -> Callable[[Depthwise3x3Params], int]:
    """Bytes of the planes, which have so many lines each."""

    def count(params: Depthwise3x3Params) -> int:
        # Two outputs are computed where one is left; with stride 2 the other one reads another column, for nothing.
        columns = params.columns + (params.stride == 2 and params.out_length % 2 == 1)
        return _CHANNELS * _WORD * plane_lines * columns

    return count


def units(params: Depthwise3x3Params) -> Mapping[str, int]:
    """What the time depends on."""
    quads = params.batches * -(-params.channels // _CHANNELS)
    channels = params.batches * params.channels
    lines = params.line_end - params.line_begin
    fillings = -(-lines // params.filling)
    kept = max(0, _KERNEL - params.line_stride)
    written = quads * (_KERNEL * lines - (lines - 1) * kept)
    fours, twos = _groups(params.out_length)
    clamped = (params.act_min, params.act_max) != (-128, 127)
    return {
        "call": 1,
        "filling": quads * fillings,
        "filter": channels * fillings,
        "written_line": written,
        "written_column": written * params.columns,
        "moved_column": quads * (fillings - 1) * params.columns * kept,
        "line": channels * lines,
        "four": channels * lines * fours,
        "two": channels * lines * twos,
        "clamped": quads * lines * params.out_length * clamped,
    }


@dataclass(frozen=True)
class _Columns:
    """What the columns of a plane are made of; see the struct."""

    before: int
    first: int
    whole: int
    last: int
    count: int

    @property
    def behind(self) -> int:
        return self.count - self.before - self.first - self.whole - self.last

    @staticmethod
    def of(axis: _Axis) -> "_Columns":
        count = _column_count(axis)
        pad = min(axis.pad, 2 * count)
        pixels = min(axis.inputs, 2 * count - pad)
        first = min(pixels, pad % 2)
        return _Columns(pad // 2, first, (pixels - first) // 2, (pixels - first) % 2, count)


def _column_count(axis: _Axis) -> int:
    """Columns of two neighbours that hold all inputs of a line of outputs."""
    return -(-((axis.outputs - 1) * axis.stride + _KERNEL) // 2)


def _groups(outputs: int) -> tuple[int, int]:
    """A line is computed in fours and, at its end, twos."""
    return outputs // 4, -(-(outputs % 4) // 2)


def _effort(lines: _Axis, along: _Axis) -> int:
    """About the cycles of a channel: of groups of outputs, of the lines' ends and of the words of the planes."""
    fours, twos = _groups(along.outputs)
    outputs = lines.outputs * (76 * fours + 46 * twos + 26)
    return outputs + 5 * _column_count(along) * (lines.outputs * min(lines.stride, 3) + 2)


def rounded_filters(params: Conv2dParams) -> Filters:
    """Of a kernel where outputs are rounded step by step: `edgeq.kernels.stages`."""
    filters = scaled_filters(params)
    stages = filters.stages()
    exponents = np.ones(params.out_c, np.int64) + filters.left
    return Filters(_weights(params), exponents, stages.bias[0], stages.words)


def linear_filters(params: Conv2dParams) -> Filters:
    """Of a kernel where outputs are rounded at once: `edgeq.kernels.linear_stages`."""
    weights = _weights(params)
    inputs = np.array([-128, 127]) + params.input_offset
    products = np.sort(weights[..., None] * inputs, axis=3)
    least, greatest = products.sum(axis=(0, 1)).T
    scaling = Scaling(
        bias=params.bias.astype(np.int64)[None],
        least=least,
        greatest=greatest,
        multiplier=params.multiplier,
        shift=params.shift,
        offset=params.output_offset,
        low=params.act_min,
        high=params.act_max,
    )
    largest = np.maximum(weights.max(axis=(0, 1)), ~weights.min(axis=(0, 1))) + 1
    stages = make_linear_stages(scaling, 15 - np.ceil(np.log2(largest)).astype(np.int64))
    words = np.stack([stages.multiplier, stages.addend, np.full_like(stages.addend, SHIFT)], axis=1)
    bias = (_folded_bias(params) << stages.exponents) + stages.start
    return Filters(weights, stages.exponents, bias, words)


def _folded_bias(params: Conv2dParams) -> Array:
    """With the input's zero point in it."""
    return np.asarray(params.bias.astype(np.int64) + params.input_offset * _weights(params).sum(axis=(0, 1)))


def _weights(params: Conv2dParams) -> Array:
    """`[row, column, channel]`, without their zero point."""
    return params.weights.reshape(_KERNEL, _KERNEL, -1).astype(np.int64) + params.weight_offset
