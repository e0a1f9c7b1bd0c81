"""Depthwise convolutions of any kernel for Arm's DSP extension: what `edgeq_depthwise_conv2d_s8__dsp` is given.

Pixel by pixel: the addresses of the taps are written down, and four channels are summed by pairs of taps. Next to no
memory is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.kernels.convolution import ConvRows, same_fields
from edgeq.kernels.dsp_weights import Filters
from edgeq.ops.conv2d import Conv2dParams
from edgeq.ops.op import I32, Array, S32Data, U8Data

_QUAD = 4
"""Channels that are summed together."""

_MOST_LEFT = 6
"""Bits that weights without zero points, doubled, have left in a halfword."""

_ADDRESS = 8
"""Bytes of an address on any machine, such as one that runs the self-test."""


@dataclass(frozen=True)
class DepthwiseDspParams(ConvRows):
    """Integers of the kernel; see the struct's comment. `bias` is `[regions, channels]`, `stages` `[channels, 3]`."""

    struct: ClassVar[str] = "depthwise_dsp"

    weight_bits: I32
    weights: S32Data
    bias: S32Data
    stages: S32Data
    bias_row: U8Data | None
    bias_col: U8Data | None


def refuses(params: Conv2dParams) -> str | None:
    """Why the kernel cannot compute a layer, if so."""
    if params.out_c != params.in_c or params.in_c < _QUAD:
        return f"{params.in_c} channels to {params.out_c}; accepted: as many, and at least {_QUAD}"
    try:
        scaled_filters(params).stages()
    except Refusal as refusal:
        return str(refusal)
    return None


def pack(params: Conv2dParams) -> DepthwiseDspParams:
    """The kernel's integers."""
    filters = scaled_filters(params)
    return with_weights(params, filters, pairs(filters.factors.T << 1 + filters.left))


def with_weights(params: Conv2dParams, filters: Filters, weights: Array) -> DepthwiseDspParams:
    """All integers of a kernel, of which those of weights are made."""
    stages = filters.stages()
    return DepthwiseDspParams(
        **same_fields(params, DepthwiseDspParams), weights=weights, bias=stages.bias, stages=stages.words
    )


def scratch(params: DepthwiseDspParams) -> int:
    """Bytes for the addresses of the taps, one more, and a pixel of padding."""
    return _ADDRESS * (params.kernel_h * params.kernel_w + 1) + params.in_c


def units(params: DepthwiseDspParams) -> Mapping[str, int]:
    """What the time depends on."""
    pixels = params.pixels
    taps = params.kernel_h * params.kernel_w
    quads = pixels * -(-params.in_c // _QUAD)
    clamped = (params.act_min, params.act_max) != (-128, 127)
    return {
        "call": 1,
        "pixel": pixels,
        "tap": pixels * taps,
        "quad": quads,
        "pair": quads * -(-taps // 2),
        "output": pixels * params.in_c,
        "clamped": pixels * params.in_c * clamped,
    }


def pairs(weights: Array) -> Array:
    """Weights `[taps, channels]` as words `[quads, pairs of taps, 4]`; the last quad are the last four channels."""
    taps, channels = weights.shape
    even = np.pad(weights, ((0, taps % 2), (0, 0)))
    firsts = np.minimum(np.arange(0, channels, _QUAD), channels - _QUAD)
    quads = even[:, firsts[:, None] + np.arange(_QUAD)].reshape(-1, 2, len(firsts), _QUAD)
    return np.ascontiguousarray(quads.transpose(2, 0, 3, 1).astype("<i2")).view("<i4").astype(np.int32)


def scaled_filters(params: Conv2dParams) -> Filters:
    """The layer's, with what large scales need; weights and sums are to be shifted to the left, and then doubled."""
    weights = params.weights.reshape(-1, params.out_c).astype(np.int64).T
    sums = (weights + params.weight_offset).sum(axis=1)
    return Filters(
        weights=weights,
        offset=params.weight_offset,
        bias=params.bias.astype(np.int64).reshape(-1, params.out_c) + params.input_offset * sums,
        multiplier=params.multiplier,
        shift=params.shift,
        output_offset=params.output_offset,
    ).scaled(_MOST_LEFT)
