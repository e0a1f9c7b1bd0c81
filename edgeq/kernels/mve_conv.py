"""The convolution for Arm's MVE: what is prepared offline for `edgeq_conv2d_s8__mve`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.kernels.convolution import ConvRows, bias_of, filters_of, same_fields
from edgeq.kernels.mve_stages import TAPS, Sums, filled, refusal, round_up
from edgeq.kernels.overlap import NOTHING, first_pixels, least_distance
from edgeq.ops.conv2d import Conv2dParams
from edgeq.ops.op import I32, Array, S8Data, S32Data, U8Data

PIXELS = 4
"""Output pixels of a tile."""

CHANNELS = 4
"""Output channels that a tile computes together."""

_LARGEST_STRIPS = 4096
"""Bytes, if there is more than one."""

_ORDER = [0, 2, 1, 3]
"""Of the channels of a group, two at a time: narrowing vectors interleaves them so."""


@dataclass(frozen=True)
class Conv2dMveParams(ConvRows):
    """Integers of the kernel; sizes as in `ConvGeometry`, with one group.

    Rows `row_begin` to `row_end` of the output are computed. Padded taps read `input_zero`, and zero points are in the
    bias: `weights` is `[channels / 2, taps / 16, 2, 16]`, `stages` `[regions, channels, 3]`, with `out_c` rounded up to
    a multiple of 4 as channels, of which each four are in the order `_ORDER`. Taps are counted by columns of the
    window. `strips` rows of the output are computed at a time, from copies of their inputs, `strip_bytes` each. `lanes`
    are the places of 16 bytes of a row in a strip, where a pixel has less.
    """

    struct: ClassVar[str] = "conv2d_mve"

    output_offset: I32
    strips: I32
    strip_bytes: I32
    weights: S8Data
    stages: S32Data
    lanes: U8Data | None
    bias_row: U8Data | None
    bias_col: U8Data | None


def refuses(params: Conv2dParams) -> str | None:
    """Why the kernel cannot compute a layer, if so."""
    if params.groups != 1:
        return f"{params.groups} groups of channels; accepted: 1"
    return refusal(params.weight_offset, _sums(params))


def pack(params: Conv2dParams) -> Conv2dMveParams:
    """The integers of the kernel."""
    filters = filters_of(params)
    words = filled(_sums(params).stages(), CHANNELS)
    strip_bytes = _strip_bytes(params)
    by_columns = filters.reshape(-1, params.kernel_h, params.kernel_w, params.in_c).swapaxes(1, 2)
    return Conv2dMveParams(
        **same_fields(params, Conv2dMveParams),
        strips=_strips(params, strip_bytes),
        strip_bytes=strip_bytes,
        weights=_interleaved(by_columns.reshape(filters.shape)),
        stages=words.reshape(len(words), -1, CHANNELS, 3)[:, :, _ORDER].reshape(words.shape),
        lanes=_lanes(params),
    )


def scratch(params: Conv2dMveParams) -> int:
    """Copies of the input, and a tile's outputs."""
    return params.strips * params.strip_bytes + PIXELS * round_up(params.out_c, CHANNELS)


def overlap(params: Conv2dMveParams) -> int:
    """Strips are copied before their outputs are written; the pixels of other tiles are read until the last write."""
    windows = first_pixels(params)
    rows = windows.reshape(-1, params.out_w)
    reads, ends = [], [0]
    for image in range(params.batches):
        y, last = image * params.out_h, (image + 1) * params.out_h
        copied = y + _first_copied(params, params.batches - image)
        pixels = windows.ravel()[y * params.out_w : copied * params.out_w]
        # Tiles of several regions are smaller: as if any four neighbours could be one.
        step = PIXELS if params.bias_row is None else 1
        for begin in range(0, pixels.size, step):
            reads.append(pixels[max(0, begin - PIXELS + step)])
            ends.append(y * params.out_w + min(begin + step, pixels.size))
        for begin in range(copied, last, params.strips):
            reads += [rows[begin : min(begin + params.strips, last)].min(), NOTHING]
            ends += [ends[-1], min(begin + params.strips, last) * params.out_w]
    elements = params.batches * params.in_h * params.in_w * params.in_c
    reads_, ends_ = np.array(reads) * params.in_c, np.array(ends[1:]) * params.out_c
    return least_distance(reads_, ends_, elements, reads_last=True)


def units(params: Conv2dMveParams) -> Mapping[str, int]:
    """What its time depends on."""
    copied = params.out_h - _first_copied(params, 1)
    tiles = -(-params.out_w * copied // PIXELS) + -(-params.out_w * (params.out_h - copied) // PIXELS)
    groups = tiles * -(-params.out_c // CHANNELS)
    size = params.kernel_h * params.kernel_w * params.in_c
    columns = params.out_w * (params.stride_w if params.dilation_w == 1 else params.kernel_w)
    pieces = columns * copied * params.kernel_h
    pixels = TAPS // params.in_c if params.lanes is not None else 1
    return {
        name: params.batches * count
        for name, count in {
            "call": 1,
            "row": copied,
            "line": copied * params.kernel_h,
            "piece": -(-pieces * -(-params.in_c // TAPS) // pixels),
            "tile": tiles,
            "staged": tiles * (params.out_c % CHANNELS != 0),
            "group": groups,
            "block": groups * -(-size // TAPS),
        }.items()
    }


def _first_copied(params: Conv2dMveParams, images: int) -> int:
    """The first row of an image's output that is made of copies, where so many images are left, it included."""
    if params.kernel_h * params.kernel_w > 1 or params.pad_top or params.pad_left:
        return 0
    last = (params.out_w - 1) * params.stride_w * params.in_c + round_up(params.in_c, TAPS)
    begins = np.arange(params.out_h) * params.stride_h * params.in_w * params.in_c
    return int((begins + last <= images * params.in_h * params.in_w * params.in_c).sum())


def _strip_bytes(params: Conv2dParams) -> int:
    """The inputs of a row of the output; the loads of a tile go past the taps, to a multiple of 16."""
    column = params.kernel_h * params.in_c
    taps = params.kernel_w * column
    step = params.stride_w * column if params.dilation_w == 1 else taps
    return round_up((params.out_w - 1) * step + round_up(taps, TAPS), 4)


def _strips(params: Conv2dParams, strip_bytes: int) -> int:
    """How many make whole tiles, if they are small."""
    whole = PIXELS // math.gcd(PIXELS, params.out_w)
    return whole if whole * strip_bytes <= _LARGEST_STRIPS else 1


def _lanes(params: Conv2dParams) -> Array | None:
    """Places in a strip of 16 bytes of a row, where they are more than a pixel and not too far from each other."""
    pixels, bytes_ = np.divmod(np.arange(TAPS), params.in_c)
    lanes = pixels * params.kernel_h * params.in_c + bytes_
    return lanes.astype(np.uint8) if params.in_c < TAPS and lanes.max() < 256 else None


def _interleaved(filters: Array) -> Array:
    channels, taps = (round_up(n, m) for n, m in zip(filters.shape, (CHANNELS, TAPS), strict=True))
    padded = np.zeros((channels, taps), np.int8)
    padded[: filters.shape[0], : filters.shape[1]] = filters
    grouped = padded.reshape(-1, CHANNELS, taps)[:, _ORDER]
    return grouped.reshape(channels // 2, 2, taps // TAPS, TAPS).swapaxes(1, 2).copy()


def _sums(params: Conv2dParams) -> Sums:
    filters = filters_of(params)
    return Sums(
        bias=bias_of(params, filters),
        filters=filters,
        multiplier=params.multiplier,
        shift=params.shift,
        offset=params.output_offset,
    )
