"""Depthwise convolutions for Arm's DSP extension with weights of 4, 2 or 1 bits.

There are few weights: they are unpacked to what the kernels of int8 weights read, four channels at a time with 3x3
kernels, all at once otherwise.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from edgeq.kernels import dsp_depthwise, dsp_depthwise_3x3
from edgeq.kernels.dsp_depthwise import DepthwiseDspParams
from edgeq.kernels.dsp_depthwise_3x3 import Depthwise3x3Params, Filters, units
from edgeq.ops.conv2d import Conv2dParams
from edgeq.ops.op import Array
from edgeq.ops.packing import pack as pack_bits

_FIRST = 5
"""Weights beside the exponent and the shift: `EDGEQ_FIRST_WEIGHTS`."""

_ROOM = 4 * 10
"""Words of four channels: `EDGEQ_ROOM_WORDS`."""


def refuses(kernel: Callable[[Conv2dParams], str | None]) -> Callable[[Conv2dParams], str | None]:
    """Why a kernel cannot compute a layer, if so; `kernel`: why that of int8 weights cannot."""

    def reason(params: Conv2dParams) -> str | None:
        if params.weight_offset != 0:
            return "the filter has a zero point other than 0; accepted: 0"
        return kernel(params)

    return reason


def narrow_words(bits: int) -> Callable[..., Array]:
    """The layout of 3x3 kernels; see `conv2d/narrow_filters.h`."""

    def words(filters: Filters, *, transposed: bool) -> Array:
        """`[channels, 5]`, of 4 bits, or `[channels, 4]`: weights with exponent and shift, bias, multiplier, addend."""
        taps = filters.lines(transposed=transposed).reshape(len(filters.bias), -1)
        codes = (taps > 0).astype(np.int64) if bits == 1 else taps & ((1 << bits) - 1)
        multiplier, addend, shift = filters.words.astype(np.int64).T
        above = filters.exponents << 20 | (shift & 255) << 24
        first = _FIRST if bits == 4 else codes.shape[1]
        columns = [_side_by_side(codes[:, :first], bits) | above]
        if bits == 4:
            columns.append(_side_by_side(codes[:, first:], bits))
        table: Array = np.stack([*columns, filters.bias, multiplier, addend], axis=1)
        return (table & 0xFFFFFFFF).astype(np.uint32).view(np.int32)

    return words


def _side_by_side(codes: Array, bits: int) -> Array:
    """The first in the lowest bits."""
    return np.asarray((codes << (bits * np.arange(codes.shape[1]))).sum(axis=1))


def pack_3x3(
    kernel: Callable[..., Callable[[Conv2dParams], Depthwise3x3Params]],
) -> Callable[[Conv2dParams], Depthwise3x3Params]:
    """The integers of a 3x3 kernel, of what makes those of int8 weights in a layout."""
    return lambda params: kernel(layout=narrow_words(params.weight_bits))(params)


def scratch_3x3(plane_lines: int) -> Callable[[Depthwise3x3Params], int]:
    """Beside what the kernel of int8 weights needs, the constants of four channels: `EDGEQ_ROOM_WORDS`."""
    planes = dsp_depthwise_3x3.scratch(plane_lines)
    return lambda params: 4 * _ROOM + planes(params)


def units_3x3(params: Depthwise3x3Params) -> Mapping[str, int]:
    """What the time depends on."""
    return {**units(params), "channel": params.batches * params.channels}


def pack(params: Conv2dParams) -> DepthwiseDspParams:
    """The integers of `edgeq_depthwise_conv2d_narrow_s8__dsp`: codes in the order of the halfwords."""
    filters = dsp_depthwise.scaled_filters(params)
    halves = dsp_depthwise.pairs(filters.weights.T).astype("<i4").view("<i2").astype(np.int64)
    packed = pack_bits(halves, params.weight_bits)
    words = np.pad(packed, (0, -packed.size % 4)).view("<i4").astype(np.int32)
    wide = dsp_depthwise.with_weights(params, filters, words)
    multiplier, addend, shift = wide.stages.T
    exponents = 1 + filters.left + np.zeros_like(shift)
    stages = np.stack([multiplier, addend, shift & 0xFF | exponents << 8], axis=1).astype(np.int32)
    return replace(wide, stages=stages)


def scratch(params: DepthwiseDspParams) -> int:
    """Beside what the kernel of int8 weights needs, the words of its weights."""
    return 4 * _words(params) + dsp_depthwise.scratch(params)


def units_of_any(params: DepthwiseDspParams) -> Mapping[str, int]:
    """What the time depends on."""
    return {**dsp_depthwise.units(params), "unpacked": _words(params)}


def _words(params: DepthwiseDspParams) -> int:
    return -(-params.in_c // 4) * -(-params.kernel_h * params.kernel_w // 2) * 4
