"""The convolution for Arm's DSP extension: what is prepared offline for `edgeq_conv2d_s8__dsp`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.kernels.convolution import ConvRows, bias_of, filters_of, same_fields
from edgeq.kernels.dsp_weights import Filters, pack_bias, pack_groups, require_exact, with_sums
from edgeq.ops.conv2d import Conv2dParams
from edgeq.ops.op import I32, Array, S32Data, U8Data

_CHANNELS = 4
"""Output channels that are computed together."""

_PIXELS = 2


@dataclass(frozen=True)
class Conv2dDspParams(ConvRows):
    """Integers of `edgeq_conv2d_s8__dsp`, with one group.

    Outputs in rows `inside_top` to `inside_bottom` and columns `inside_left` to `inside_right` have windows that lie
    whole in the image, tap by tap. `sums` are words of sums of inputs behind the inputs.
    """

    struct: ClassVar[str] = "conv2d_dsp"

    inside_top: I32
    inside_bottom: I32
    inside_left: I32
    inside_right: I32
    sums: I32
    weights: S32Data
    bias: S32Data
    bias_row: U8Data | None
    bias_col: U8Data | None


def refuses(params: Conv2dParams, *, long: bool) -> str | None:
    """Why the kernel cannot compute a layer, if so; `long`: the one for sums of any size."""
    if params.groups != 1:
        return f"{params.groups} groups of channels; accepted: 1"
    if long and params.weight_offset != 0:
        return "the filter has a zero point other than 0; accepted: 0"
    try:
        _packed(params, long=long)
    except Refusal as refusal:
        return str(refusal)
    return None


def pack(params: Conv2dParams, *, long: bool) -> Conv2dDspParams:
    """The kernel's integers; `long`: of the one for sums of any size."""
    return with_geometry(params, *_packed(params, long=long))


def with_geometry(params: Conv2dParams, weights: Array, bias: Array, sums: int) -> Conv2dDspParams:
    """All integers of a kernel, of which those are made."""
    reach = _reach(params.kernel_h, params.dilation_h)
    top, bottom = _whole(params.out_h, params.stride_h, params.pad_top, params.in_h, reach)
    left, right = _whole(params.out_w, params.stride_w, params.pad_left, params.in_w, params.kernel_w)
    return Conv2dDspParams(
        **same_fields(params, Conv2dDspParams),
        inside_top=top,
        inside_bottom=bottom,
        inside_left=left,
        inside_right=right if params.dilation_w == 1 else left,
        sums=sums,
        weights=weights,
        bias=bias,
    )


def _reach(kernel: int, dilation: int) -> int:
    """Pixels from the first tap to behind the last."""
    return (kernel - 1) * dilation + 1


def _whole(out: int, stride: int, pad: int, size: int, reach: int) -> tuple[int, int]:
    """Along one axis, the outputs [begin, end) whose windows lie in the image."""
    starts = np.arange(out) * stride - pad
    whole = np.flatnonzero((starts >= 0) & (starts + reach <= size))
    return (int(whole[0]), int(whole[-1]) + 1) if whole.size else (0, 0)


def order(runs: int, length: int) -> Array:
    """In which order the kernel takes the taps: see `conv2d/windows_dsp.h`.

    Args:
        runs: stretches of taps that lie side by side in the image.
        length: taps of each.
    """
    taps = np.arange(runs * length).reshape(runs, length)
    whole = length - length % 4
    quads = taps[:, :whole].reshape(-1, 4)[:, [0, 2, 1, 3]]
    return np.concatenate([quads.ravel(), taps[:, whole:].ravel(), [taps.size] * (taps.size % 2)]).astype(np.int64)


def scratch(params: Conv2dDspParams) -> int:
    """Two windows, widened; and one that is put together, where there is any."""
    taps = params.kernel_h * params.kernel_w * params.in_c
    return _PIXELS * 4 * _steps(params) + (taps if _collected(params) else 0)


def units(params: Conv2dDspParams) -> Mapping[str, int]:
    """What its time depends on."""
    pixels = params.pixels
    runs, length = pixels * params.kernel_h, params.kernel_w * params.in_c
    blocks = -(-pixels // _PIXELS) * -(-params.out_c // _CHANNELS)
    return {
        "call": 1,
        "pixel": pixels,
        "run": runs,
        "quad": runs * (length // 4),
        "rest": runs * (length % 4),
        "summed": pixels * _steps(params) if params.sums else 0,
        "collected": _collected(params),
        "collected_byte": _collected(params) * params.kernel_h * length,
        "block": blocks,
        "step": blocks * _steps(params),
    }


def _steps(params: Conv2dDspParams) -> int:
    """Pairs of taps, those of sums included."""
    return -(-params.kernel_h * params.kernel_w * params.in_c // 2) + params.sums


def _collected(params: Conv2dDspParams) -> int:
    """Windows that have to be put together."""
    rows = range(max(params.row_begin, params.inside_top), min(params.row_end, params.inside_bottom))
    whole = len(rows) * (params.inside_right - params.inside_left)
    return params.batches * ((params.row_end - params.row_begin) * params.out_w - whole)


def _packed(params: Conv2dParams, *, long: bool) -> tuple[Array, Array, int]:
    """Weights with the stages of each group behind them, biases, and words of sums."""
    filters = ordered_filters(params).scaled()
    with_sums_ = filters.weights if long else with_sums(filters)
    words = pack_groups(filters, with_sums_, _CHANNELS)
    if long:
        return words, (2 * filters.bias).astype(np.int32), 0
    require_exact(filters)
    return words, pack_bias(filters.bias), (with_sums_.shape[1] - filters.weights.shape[1]) // 2


def ordered_filters(params: Conv2dParams) -> Filters:
    """The layer's, in the order in which the kernel takes the taps."""
    weights = filters_of(params)
    return Filters(
        weights=weights,
        offset=params.weight_offset,
        bias=bias_of(params, weights + params.weight_offset),
        multiplier=params.multiplier,
        shift=params.shift,
        output_offset=params.output_offset,
    ).ordered(order(params.kernel_h, params.kernel_w * params.in_c), _CHANNELS)
