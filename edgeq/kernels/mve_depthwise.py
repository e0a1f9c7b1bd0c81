"""The depthwise convolution for Arm's MVE: what is prepared offline for `edgeq_depthwise_conv2d_s8__mve`.

Its vectors are windows: four columns of four rows of a channel. Rows come in bands of four, columns in quads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.kernels.convolution import ConvRows, bias_of, same_fields
from edgeq.kernels.mve_stages import Sums, refusal
from edgeq.kernels.overlap import rowwise
from edgeq.ops.conv2d import Conv2dParams
from edgeq.ops.op import I32, Array, S8Data, S32Data, U8Data

_SIDE = 4
"""Rows of a band, columns of a quad."""

_TAPS = _SIDE * _SIDE

_BLOCK = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Row and column of the outputs that are made of one vector."""

_TAIL = 64
"""Bytes that may be written behind the words."""


@dataclass(frozen=True)
class DepthwiseMveParams(ConvRows):
    """Integers of the kernel; sizes as in `ConvGeometry`.

    Rows `row_begin` to `row_end` of the output are computed. Padded taps read `input_zero`, and zero points are in the
    bias: `weights` is `[channels, vectors, 16]`, where `in_blocks` is 1 with a vector for each of `_BLOCK`, `stages`
    `[regions, channels, 3]`. `places` are the bytes from a window's first vector to its others.
    """

    struct: ClassVar[str] = "depthwise_mve"

    output_offset: I32
    bands: I32
    band_bytes: I32
    words_bytes: I32
    more_words: I32
    weights_step: I32
    in_blocks: I32
    weights: S8Data
    stages: S32Data
    places: S32Data | None
    bias_row: U8Data | None
    bias_col: U8Data | None


def refuses(params: Conv2dParams) -> str | None:
    """Why the kernel cannot compute a layer, if so."""
    if params.out_c != params.in_c:
        return f"{params.out_c // params.in_c} output channels per input channel; accepted: 1"
    return refusal(params.weight_offset, _sums(params))


def pack(params: Conv2dParams) -> DepthwiseMveParams:
    """The integers of the kernel."""
    filters = _filters(params)
    in_blocks = _in_blocks(params)
    vectors = _block_vectors(filters) if in_blocks else _vectors(filters)
    bands, quads = (-(-n // _SIDE) for n in filters.shape[1:])
    band_bytes = _band_bytes(params, quads)
    quad_bytes = _SIDE * _SIDE * params.dilation_w * params.in_c
    places = np.add.outer(np.arange(bands) * band_bytes, np.arange(quads) * quad_bytes).ravel()[1:]
    return DepthwiseMveParams(
        **same_fields(params, DepthwiseMveParams),
        bands=bands,
        band_bytes=band_bytes,
        words_bytes=bands * band_bytes + _TAIL,
        more_words=len(places),
        weights_step=vectors.shape[1] * _TAPS,
        in_blocks=int(in_blocks),
        weights=vectors,
        stages=_sums(params).stages(),
        places=places.astype(np.int32) if len(places) else None,
    )


def scratch(params: DepthwiseMveParams) -> int:
    """The words, and a row of padding."""
    return params.words_bytes + params.in_w * params.in_c


def overlap(params: DepthwiseMveParams) -> int:
    """All that a row, or two in blocks, is made of is copied before it is written."""
    return rowwise("s8", "s8", 2 if params.in_blocks else 1)(params)


def units(params: DepthwiseMveParams) -> Mapping[str, int]:
    """What its time depends on."""
    pairs = params.out_h // 2 if params.in_blocks else 0
    lines = params.out_h - 2 * pairs
    words = (pairs + lines) * params.bands * -(-params.in_w * params.in_c // _TAPS)
    vectors = lines * -(-params.out_w // _SIDE) * params.in_c
    return {
        name: params.batches * count
        for name, count in {
            "call": 1,
            "row": pairs + lines,
            "words": words,
            "pair_channel": pairs * params.in_c,
            "block": pairs * params.in_c * -(-params.out_w // 2),
            "line_channel": lines * params.in_c,
            "vector": vectors,
            "more_vectors": vectors * params.more_words,
        }.items()
    }


def _in_blocks(params: Conv2dParams) -> bool:
    """Whether a vector makes four outputs."""
    steps = (params.stride_h, params.stride_w, params.dilation_h, params.dilation_w)
    small = params.kernel_h <= _SIDE - 1 and params.kernel_w <= _SIDE - 1
    return steps == (1, 1, 1, 1) and small and params.out_w > 1 and params.bias_row is None


def _band_bytes(params: Conv2dParams, quads: int) -> int:
    """Columns are loaded as quads, for as many pixels as the next multiple of four."""
    columns = (params.out_w + _SIDE - 2) * params.stride_w + (_SIDE * quads - 1) * params.dilation_w + 1
    return _SIDE * columns * params.in_c


def _block_vectors(filters: Array) -> Array:
    """`[channels, outputs, 16]`: the window at each output's place."""
    vectors = np.zeros((len(filters), len(_BLOCK), _SIDE, _SIDE), np.int8)
    rows, columns = filters.shape[1:]
    for i, (row, column) in enumerate(_BLOCK):
        vectors[:, i, column : column + columns, row : row + rows] = filters.swapaxes(1, 2)
    return vectors.reshape(len(filters), len(_BLOCK), _TAPS)


def _vectors(filters: Array) -> Array:
    """`[channels, bands * quads, 16]`."""
    channels, rows, columns = filters.shape
    bands, quads = -(-rows // _SIDE), -(-columns // _SIDE)
    padded = np.zeros((channels, bands * _SIDE, quads * _SIDE), np.int8)
    padded[:, :rows, :columns] = filters
    tiles = padded.reshape(channels, bands, _SIDE, quads, _SIDE)
    return tiles.transpose(0, 1, 3, 4, 2).reshape(channels, bands * quads, _TAPS)


def _filters(params: Conv2dParams) -> Array:
    """`[channels, kernel_h, kernel_w]`."""
    return params.weights.reshape(params.kernel_h, params.kernel_w, -1).transpose(2, 0, 1).astype(np.int64)


def _sums(params: Conv2dParams) -> Sums:
    filters = _filters(params).reshape(params.in_c, -1)
    return Sums(
        bias=bias_of(params, filters),
        filters=filters,
        multiplier=params.multiplier,
        shift=params.shift,
        offset=params.output_offset,
    )
