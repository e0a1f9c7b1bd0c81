"""Convolutions for cores without SIMD: what is prepared offline for `edgeq_conv2d_s8__swar` and its variant.

The variant is for few input channels: the lines under a row of windows are made pairs once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.kernels.convolution import ConvRows, bias_of, filters_of, same_fields
from edgeq.kernels.overlap import in_runs, least_distance
from edgeq.kernels.steps import Scaling
from edgeq.kernels.swar_stages import make_swar_stages
from edgeq.kernels.swar_weights import GROUP, pack_words, require_exact_words
from edgeq.ops.conv2d import Conv2dParams
from edgeq.ops.op import I32, Array, S32Data, U8Data

_PIXELS = 4
"""That are computed together."""

_WORD = 4
_NOTHING = 2**30


@dataclass(frozen=True)
class Conv2dSwarParams(ConvRows):
    """Integers of `edgeq_conv2d_s8__swar`; sizes as in `ConvGeometry`, with one group.

    Rows `row_begin` to `row_end` of the output are computed. Padded taps read `input_zero`, and zero points are in the
    bias. `filters` is int32 `[out_c, groups + 5]`: weights and stages, `products` of which are no ramps. `bias` is
    `[regions, out_c]` where there is more than one region.
    """

    struct: ClassVar[str] = "conv2d_swar"

    products: I32
    filters: S32Data
    bias: S32Data | None
    bias_row: U8Data | None
    bias_col: U8Data | None


def refuses(params: Conv2dParams) -> str | None:
    """Why the kernel cannot compute a layer, if so."""
    return _refuses(params, filters_of)


def _refuses(params: Conv2dParams, order: Callable[[Conv2dParams], Array]) -> str | None:
    """Why a kernel that reads filters in an order cannot compute a layer, if so."""
    if params.weight_offset != 0:
        return "the filter has a zero point other than 0; accepted: 0"
    if params.groups != 1:
        return f"{params.groups} groups of channels; accepted: 1"
    try:
        require_exact_words(order(params))
        make_swar_stages(scaling_of(params, filters_of(params)))
    except Refusal as refusal:
        return str(refusal)
    return None


def refuses_few(params: Conv2dParams) -> str | None:
    """Why the variant for few input channels cannot compute a layer, if so."""
    if (params.dilation_h, params.dilation_w) != (1, 1):
        return f"dilation {params.dilation_h, params.dilation_w}; accepted: (1, 1)"
    if params.in_c % GROUP == 0 or (params.kernel_h, params.kernel_w) == (1, 1):
        return "windows that are taken from the image as they lie there; accepted: others"
    return _refuses(params, _halves_of_lines)


def pack(params: Conv2dParams) -> Conv2dSwarParams:
    """The kernel's integers."""
    return _pack(params, filters_of(params))


def pack_few(params: Conv2dParams) -> Conv2dSwarParams:
    """Those of the variant for few input channels."""
    return _pack(params, _halves_of_lines(params))


def _halves_of_lines(params: Conv2dParams) -> Array:
    """Filters `[out_c, taps]` where, in each line, a tap makes a pair with the one half a line behind."""
    apart = _apart(params)
    lines = filters_of(params).reshape(params.out_c, params.kernel_h, -1)
    missing = 2 * apart - lines.shape[2]
    firsts, seconds = np.split(np.pad(lines, ((0, 0), (0, 0), (0, missing))), [apart], axis=2)
    pairs = np.stack([firsts, seconds], axis=3).reshape(params.out_c, -1, 2)
    even = np.pad(pairs, ((0, 0), (0, pairs.shape[1] % 2), (0, 0)))
    return even.reshape(params.out_c, -1, 2, 2).transpose(0, 1, 3, 2).reshape(params.out_c, -1)


def _pack(params: Conv2dParams, ordered: Array) -> Conv2dSwarParams:
    stages = make_swar_stages(scaling_of(params, filters_of(params)))
    return Conv2dSwarParams(
        **same_fields(params, Conv2dSwarParams),
        products=stages.products,
        filters=np.hstack([pack_words(ordered), stages.words]),
        bias=stages.bias,
    )


def scaling_of(params: Conv2dParams, filters: Array) -> Scaling:
    """What becomes of the sums of inputs, zero point included, with filters `[out_c, taps]`."""
    above, below = np.maximum(filters, 0).sum(axis=1), np.maximum(-filters, 0).sum(axis=1)
    return Scaling(
        bias=bias_of(params, filters),
        least=-128 * above - 127 * below,
        greatest=127 * above + 128 * below,
        multiplier=params.multiplier,
        shift=params.shift,
        offset=params.output_offset,
        low=params.act_min,
        high=params.act_max,
    )


def scratch(params: Conv2dSwarParams) -> int:
    """Four pixels, sums that are not scaled at once, and a pixel's bytes, which may have to be collected."""
    groups = _groups(params)
    return _WORD * (2 * _PIXELS * groups + _PIXELS * params.products + groups)


def scratch_few(params: Conv2dSwarParams) -> int:
    """Lines, four pixels, and sums."""
    length = (params.out_w - 1) * params.stride_w * params.in_c + _apart(params)
    return _WORD * (params.kernel_h * length + 2 * _PIXELS * _groups_few(params) + _PIXELS * params.products)


def units(params: Conv2dSwarParams) -> Mapping[str, int]:
    """What its time depends on."""
    pixels = params.pixels
    direct = params.kernel_w * params.in_c % GROUP == 0
    return {
        "call": 1,
        "pixel": pixels,
        "line": pixels * params.kernel_h,
        "group": pixels * _groups(params),
        "collected": 0 if direct else pixels * _groups(params),
        **_products(params, _groups(params)),
    }


def units_few(params: Conv2dSwarParams) -> Mapping[str, int]:
    """What the time of the variant for few input channels depends on."""
    lines = params.batches * ((params.row_end - params.row_begin) * params.stride_h + params.kernel_h)
    return {
        "call": 1,
        "line": lines,
        "element": lines * params.out_w * params.stride_w * params.in_c,
        "pixel": params.pixels,
        "pair": params.pixels * params.kernel_h * _apart(params),
        **_products(params, _groups_few(params)),
    }


def _products(params: Conv2dSwarParams, groups: int) -> Mapping[str, int]:
    """What the time of pixels depends on, once they are packed."""
    fours = -(-params.pixels // _PIXELS)
    return {
        "output": fours * _PIXELS * params.out_c,
        "product": fours * _PIXELS * params.products,
        "dot": fours * params.out_c * groups,
    }


overlap = in_runs("s8", "s8", _PIXELS)


def overlap_few(params: Conv2dSwarParams) -> int:
    """All lines of a row of windows are read before its first pixel; four pixels are written together."""
    tops = np.arange(params.out_h) * params.stride_h - params.pad_top
    ends = tops + params.kernel_h
    begins = np.maximum(np.maximum(tops, np.concatenate([[-params.in_h], ends[:-1]])), 0)
    begins = np.where(begins < np.minimum(ends, params.in_h), begins, _NOTHING)
    images = np.arange(params.batches)[:, None] * params.in_h
    reads = np.full((params.batches, params.out_h, params.out_w), _NOTHING)
    reads[..., 0] = np.where(begins < _NOTHING, images + begins, _NOTHING)
    firsts = np.minimum.reduceat(reads.ravel(), range(0, reads.size, _PIXELS))
    written = np.minimum(np.arange(1, firsts.size + 1) * _PIXELS, reads.size)
    row = params.in_w * params.in_c
    return least_distance(firsts * row, written * params.out_c, params.batches * params.in_h * row)


def _apart(params: Conv2dParams | Conv2dSwarParams) -> int:
    """Taps in half a line of a window, rounded up."""
    return -(-params.kernel_w * params.in_c // 2)


def _groups_few(params: Conv2dSwarParams) -> int:
    """Words of weights per channel, in the variant for few input channels."""
    return -(-params.kernel_h * _apart(params) // 2)


def _groups(params: Conv2dSwarParams) -> int:
    """Words of weights per channel."""
    return -(-params.kernel_h * params.kernel_w * params.in_c // GROUP)
