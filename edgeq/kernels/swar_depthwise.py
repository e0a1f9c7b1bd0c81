"""Depthwise convolutions for cores without SIMD: what is prepared offline for `edgeq_depthwise_conv2d_s8__swar`.

One channel is computed at a time. Two outputs of a line are a pair: a line's outputs are split into two halves, and the
pixels that both need at the same time are packed into words. A line is a row or, where that takes less time, a column.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.kernels.swar_conv2d import scaling_of
from edgeq.kernels.swar_stages import make_swar_stages
from edgeq.kernels.swar_weights import require_exact_pairs
from edgeq.ops.conv2d import Conv2dParams
from edgeq.ops.op import I32, Array, Params, S8Data, S32Data

_WORD = 4
_STRIP = 512
"""Words of a strip, at most, if that is enough for one line."""


@dataclass(frozen=True)
class DepthwiseSwarParams(Params):
    """Integers of `edgeq_depthwise_conv2d_s8__swar`; see the struct's comment."""

    struct: ClassVar[str] = "depthwise_swar"

    batches: I32
    channels: I32
    in_bytes: I32
    out_bytes: I32
    in_lines: I32
    in_length: I32
    in_step: I32
    in_line_step: I32
    out_length: I32
    out_step: I32
    out_line_step: I32
    line_begin: I32
    line_end: I32
    kernel_lines: I32
    kernel_length: I32
    stride: I32
    line_stride: I32
    pad: I32
    line_pad: I32
    half: I32
    half_stride: I32
    strip_lines: I32
    columns: I32
    depth: I32
    input_zero: I32
    act_min: I32
    act_max: I32
    weight_bits: I32
    weights: S8Data
    stages: S32Data
    bias: S32Data | None
    line_region: S32Data | None
    region: S32Data | None


@dataclass(frozen=True)
class _Axis:
    """Rows or columns: how many there are, bytes between them, and how the windows lie."""

    rows: bool
    inputs: int
    in_step: int
    outputs: int
    out_step: int
    kernel: int
    stride: int
    pad: int

    @property
    def half(self) -> int:
        """Outputs of half a line, rounded up."""
        return -(-self.outputs // 2)

    @property
    def columns(self) -> int:
        """Pixels under the windows of half a line."""
        return self.inputs_of(self.half)

    def inputs_of(self, outputs: int) -> int:
        """Pixels under so many neighbouring windows."""
        return (outputs - 1) * self.stride + self.kernel


def refuses(params: Conv2dParams) -> str | None:
    """Why the kernel cannot compute a layer, if so."""
    reason = _refuses_geometry(params)
    if reason is not None:
        return reason
    if params.weight_offset != 0:
        return "the filter has a zero point other than 0; accepted: 0"
    try:
        _require_exact_columns(_taps(params, _lines_of(params)[0]))
        make_swar_stages(scaling_of(params, _filters(params)))
    except Refusal as refusal:
        return str(refusal)
    return None


def _refuses_geometry(params: Conv2dParams) -> str | None:
    dilation = (params.dilation_h, params.dilation_w)
    if dilation != (1, 1):
        return f"dilation {dilation}; accepted: (1, 1)"
    if params.out_c != params.in_c:
        return f"{params.in_c} channels to {params.out_c}; accepted: as many"
    if params.out_h > params.in_h or params.out_w > params.in_w or _pads_too_much(params):
        return "padding that makes the output larger than the input; accepted: less"  # it may be in its place
    return None


def pack(params: Conv2dParams) -> DepthwiseSwarParams:
    """The kernel's integers; rows or columns as lines, whichever takes less time."""
    stages = make_swar_stages(scaling_of(params, _filters(params)))
    channels = params.in_c
    lines, along = _lines_of(params)
    strip_lines = _strip_lines(lines, along)
    regions = _regions(params)
    line_region, region = regions if lines.rows else regions[::-1]
    return DepthwiseSwarParams(
        batches=params.batches,
        channels=channels,
        in_bytes=params.in_h * params.in_w * channels,
        out_bytes=params.out_h * params.out_w * channels,
        in_lines=lines.inputs,
        in_length=along.inputs,
        in_step=along.in_step,
        in_line_step=lines.in_step,
        out_length=along.outputs,
        out_step=along.out_step,
        out_line_step=lines.out_step,
        line_begin=0,
        line_end=lines.outputs,
        kernel_lines=lines.kernel,
        kernel_length=along.kernel,
        stride=along.stride,
        line_stride=lines.stride,
        pad=along.pad,
        line_pad=lines.pad,
        half=along.half,
        half_stride=(along.outputs - along.half) * along.stride,
        strip_lines=strip_lines,
        columns=along.columns,
        depth=lines.inputs_of(strip_lines),
        input_zero=-params.input_offset,
        act_min=params.act_min,
        act_max=params.act_max,
        weight_bits=params.weight_bits,
        weights=np.ascontiguousarray(_taps(params, lines)).astype(np.int8),
        stages=stages.words,
        bias=stages.bias,
        line_region=line_region,
        region=region,
    )


def _regions(params: Conv2dParams) -> tuple[Array | None, Array | None]:
    """Where the biases of a row's region and of a column's begin; their sum is where those of a position do."""
    if params.bias_row is None or params.bias_col is None:
        return None, None
    rows, cols = params.bias_row.astype(np.int32), params.bias_col.astype(np.int32)
    return rows * (params.bias_cols * params.out_c), cols * params.out_c


def scratch(params: DepthwiseSwarParams) -> int:
    """Taps, sums of a column of a strip, and a strip."""
    taps = params.kernel_lines * params.kernel_length
    return _WORD * (taps + 2 * params.strip_lines + params.columns * params.depth)


def units(params: DepthwiseSwarParams) -> Mapping[str, int]:
    """What its time depends on."""
    channels = params.batches * params.channels
    lines = params.line_end - params.line_begin
    strips = channels * -(-lines // params.strip_lines)
    pairs = channels * lines * params.half
    read = params.line_stride * (lines - 1) + params.kernel_lines
    unrolled = params.kernel_lines == params.kernel_length == 3
    return {
        "call": 1,
        "channel": channels,
        "tap": channels * params.kernel_lines * params.kernel_length,
        "strip": strips,
        "column": strips * params.columns,
        "read": channels * params.columns * read,
        "run": strips * params.half,
        "pair_3x3": pairs if unrolled else 0,
        "pair": 0 if unrolled else pairs,
        "product": 0 if unrolled else pairs * params.kernel_lines * params.kernel_length,
        "scaled": 0 if (params.stages[:, 1] >= 0).all() else pairs,
    }


def _lines_of(params: Conv2dParams) -> tuple[_Axis, _Axis]:
    """The axis of which each place is a line, and the one along the lines."""
    channels = params.in_c
    down = _Axis(
        rows=True,
        inputs=params.in_h,
        in_step=channels * params.in_w,
        outputs=params.out_h,
        out_step=channels * params.out_w,
        kernel=params.kernel_h,
        stride=params.stride_h,
        pad=params.pad_top,
    )
    across = _Axis(
        rows=False,
        inputs=params.in_w,
        in_step=channels,
        outputs=params.out_w,
        out_step=channels,
        kernel=params.kernel_w,
        stride=params.stride_w,
        pad=params.pad_left,
    )
    return min([(down, across), *_columns_as_lines(down, across)], key=lambda way: _effort(*way))


def _columns_as_lines(down: _Axis, across: _Axis) -> list[tuple[_Axis, _Axis]]:
    """That way, unless outputs in the input's place would overwrite what the next strip reads.

    Rows of the output end before the rows of the input that are still to be read; but a column of a narrower output
    runs through all columns of the input.
    """
    single = _strip_lines(across, down) == across.outputs
    return [(across, down)] if single or across.outputs == across.inputs else []


def _strip_lines(lines: _Axis, along: _Axis) -> int:
    """Output lines of a strip that takes no more than `_STRIP` words, if one line does."""
    depth = _STRIP // along.columns
    return max(1, min(lines.outputs, (depth - lines.kernel) // lines.stride + 1))


def _effort(lines: _Axis, along: _Axis) -> int:
    """About proportional to the time of a channel, in one strip."""
    pairs = lines.outputs * along.half * (6 * lines.kernel * along.kernel + 60)
    return pairs + along.half * 25 + along.columns * (80 + 14 * lines.inputs_of(lines.outputs))


def _pads_too_much(params: Conv2dParams) -> bool:
    return params.pad_top >= params.kernel_h or params.pad_left >= params.kernel_w


def _filters(params: Conv2dParams) -> Array:
    """`[out_c, taps]`."""
    return params.weights.reshape(-1, params.out_c).T.astype(np.int64)


def _taps(params: Conv2dParams, lines: _Axis) -> Array:
    """Weights `[channels, kernel_length, kernel_lines]`: a column of a window after the other."""
    filters = _filters(params).reshape(-1, params.kernel_h, params.kernel_w)
    return filters.transpose(0, 2, 1) if lines.rows else filters


def _require_exact_columns(taps: Array) -> None:
    """Refuse taps whose products are added in twos that can need more than 16 bits.

    Twos are made within a column; a window of 3x3 is one column.
    """
    columns = taps.reshape(len(taps), 1, -1) if taps.shape[1:] == (3, 3) else taps
    twos = columns.shape[2] // 2 * 2
    require_exact_pairs(columns[..., 0:twos:2], columns[..., 1:twos:2])
