"""Winograd's convolutions, 3x3 with stride 1, in exact integers: what is prepared offline for them.

A tile of outputs is `A (sum over channels of (G g G^T) * (B d B^T)) A^T`, with a channel's filter g, the inputs d below
the tile, and the product element by element. Source: Winograd, Arithmetic Complexity of Computations (1980); Lavin and
Gray, Fast Algorithms for Convolutional Neural Networks (2015), whose matrices these are, with rows scaled to integers:
outputs become a known multiple of the sums. All is computed modulo 2**32. Of the multiple, what is odd leaves by its
inverse, the power of two by a shift, and the sum is exact if its product with that power fits int32.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import wrap_int32
from edgeq.kernels.convolution import same_fields
from edgeq.kernels.overlap import least_distance
from edgeq.kernels.stages import Stages, make_stages
from edgeq.ops.conv2d import Conv2dParams
from edgeq.ops.op import I32, Array, Params, S32Data, U8Data

_CHANNELS = 4
"""Output channels that are computed together, and input channels that are read together."""

_TILES = 2
"""Tiles that are computed together, side by side."""

_HALF_PASS = 8
"""Steps, of two input channels each, in half a pass of the inner loop: see `isa/products_2x4.h`."""


@dataclass(frozen=True)
class Transform:
    """F(n x n, 3x3).

    Attributes:
        filters: G, `[n + 2, 3]`.
        inputs: B, `[n + 2, n + 2]`.
        sums: A, `[n, n + 2]`.
        scale: `A ((G g) * (B d))` is this times the convolution, in one dimension.
        offset: what the kernel adds to inputs before it transforms them.
        bias_scale: what the kernel's biases are multiplied with.
    """

    filters: Array
    inputs: Array
    sums: Array
    scale: int
    offset: int
    bias_scale: int

    @property
    def tile(self) -> int:
        """Outputs along a side."""
        return len(self.sums)

    @property
    def side(self) -> int:
        """Inputs along a side."""
        return len(self.inputs)

    @property
    def power(self) -> int:
        """The power of two by which sums are multiplied, in two dimensions."""
        return self.scale**2 & -(self.scale**2)

    @property
    def name(self) -> str:
        """As in the literature."""
        return f"F({self.tile}x{self.tile},3x3)"


F2 = Transform(
    filters=np.array([[1, 1, 1], [1, -1, 1], [2, 0, 0], [0, 0, 2]]),
    inputs=np.array([[0, 1, 1, 0], [0, -1, 1, 0], [1, 0, -1, 0], [0, -1, 0, 1]]),
    sums=np.array([[1, 1, 1, 0], [1, -1, 0, 1]]),
    scale=2,
    offset=0,
    bias_scale=2,
)
F4 = Transform(
    filters=np.array([[-4, -4, -4], [-4, 4, -4], [6, 0, 0], [1, 2, 4], [-1, 2, -4], [0, 0, 3]]),
    inputs=np.array(
        [
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [4, 0, -5, 0, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ]
    ),
    sums=np.array([[1, 1, 1, 1, -1, 0], [1, -1, 0, 2, 2, 0], [1, 1, 0, 4, -4, 0], [1, -1, 0, 8, 8, 8]]),
    scale=24,
    offset=128,
    bias_scale=64,
)


@dataclass(frozen=True)
class WinogradParams(Params):
    """Integers of a Winograd convolution; sizes as in `ConvGeometry`, with one group.

    Rows `row_begin` to `row_end` of the output are computed. Padded taps read `input_zero`, and zero points are in the
    bias: `bias` is `[regions, out_c]`, times `Transform.bias_scale`, modulo 2**32; `weights` are transformed,
    `[out_c / 4, places, steps, 4]` words, a step being two input channels, `stages` `[out_c, 3]`.
    """

    struct: ClassVar[str] = "conv2d_winograd"

    batches: I32
    in_h: I32
    in_w: I32
    in_c: I32
    out_h: I32
    out_w: I32
    out_c: I32
    pad_top: I32
    pad_left: I32
    row_begin: I32
    row_end: I32
    input_zero: I32
    act_min: I32
    act_max: I32
    bias_cols: I32
    weights: S32Data
    bias: S32Data
    stages: S32Data
    bias_row: U8Data | None
    bias_col: U8Data | None


def refuses(transform: Transform) -> Callable[[Conv2dParams], str | None]:
    """For `Kernel.refuses`."""

    def reason(p: Conv2dParams) -> str | None:
        if (p.kernel_h, p.kernel_w) != (3, 3):
            return f"a filter of {p.kernel_h}x{p.kernel_w}; accepted: 3x3"
        if (p.stride_h, p.stride_w, p.dilation_h, p.dilation_w) != (1, 1, 1, 1):
            strides, dilations = f"{p.stride_h}x{p.stride_w}", f"{p.dilation_h}x{p.dilation_w}"
            return f"stride {strides} and dilation {dilations}; accepted: 1x1 and 1x1"
        if p.groups != 1:
            return f"{p.groups} groups of channels; accepted: 1"
        if p.weight_offset != 0:
            return "the filter has a zero point other than 0; accepted: 0"
        try:
            _stages(p, transform)
        except Refusal as refusal:
            return str(refusal)
        return None

    return reason


def pack(transform: Transform) -> Callable[[Conv2dParams], WinogradParams]:
    """For `Kernel.pack`."""

    def packed(p: Conv2dParams) -> WinogradParams:
        stages = _stages(p, transform)
        constant = (p.input_offset - transform.offset) * p.weights.astype(np.int64).sum(axis=(1, 2, 3))
        bias = stages.bias.astype(np.int64) * (transform.bias_scale // 2) + constant * transform.bias_scale
        return WinogradParams(
            **same_fields(p, WinogradParams),
            weights=_words(transform_filters(p.weights, transform)),
            bias=wrap_int32(bias).astype(np.int32),
            stages=stages.words,
        )

    return packed


def transform_filters(weights: Array, transform: Transform) -> Array:
    """`G g G^T` of each filter, as int16 `[out_c, side * side, in_c]`, column by column; all int8 weights fit.

    Args:
        weights: int8 `[out_c, 3, 3, in_c]`.
        transform: how.
    """
    g = transform.filters
    transformed: Array = np.einsum("ia,oabc,jb->ojic", g, weights.astype(np.int64), g)
    return transformed.reshape(len(weights), -1, weights.shape[3]).astype(np.int16)


def scratch(transform: Transform) -> Callable[[WinogradParams], int]:
    """For `Kernel.scratch`: sums, the transformed inputs of two tiles, and a copy of these inputs."""

    def size(p: WinogradParams) -> int:
        places, columns = transform.side**2, _TILES * transform.tile + 2
        planes = _TILES * _CHANNELS + _TILES * _HALF_PASS * _half_passes(p)
        return 4 * places * planes + transform.side * columns * 2 * _steps(p)

    return size


def overlap(transform: Transform) -> Callable[[WinogradParams], int]:
    """For `Kernel.overlap`: all that two tiles are made of is read before the first of their outputs is written."""

    def distance(p: WinogradParams) -> int:
        y, x = _corners(p, transform)
        image, row = np.maximum(y - p.pad_top, 0), np.maximum(x - p.pad_left, 0)
        first = image[:, None] * p.in_w + row
        last_row = np.minimum(y + transform.tile, p.row_end) - 1
        ends = last_row[:, None] * p.out_w + np.minimum(x + _TILES * transform.tile, p.out_w)
        images = np.arange(p.batches)[:, None, None]
        reads = (images * (p.in_h * p.in_w) + first) * p.in_c
        writes = (images * (p.out_h * p.out_w) + ends) * p.out_c
        return least_distance(reads, writes, p.batches * p.in_h * p.in_w * p.in_c)

    return distance


def units(transform: Transform) -> Callable[[WinogradParams], Mapping[str, int]]:
    """For `Kernel.units`."""

    def counts(p: WinogradParams) -> Mapping[str, int]:
        y, x = _corners(p, transform)
        tile, steps, rows = transform.tile, _steps(p), p.row_end - p.row_begin
        pairs = p.batches * y.size * x.size
        tiles = p.batches * y.size * -(-p.out_w // tile)
        whole = p.batches * (rows // tile) * (p.out_w // tile) if p.bias_row is None else 0
        inside = (y >= p.pad_top) & (y - p.pad_top + transform.side <= p.in_h) & (p.in_c % _CHANNELS == 0)
        copied = pairs - p.batches * int(inside.sum()) * x.size
        blocks = pairs * -(-p.out_c // _CHANNELS)
        return {
            "call": 1,
            "pair": pairs,
            "quad": pairs * steps // 2,
            "copied": copied * steps,
            "block": blocks,
            "step": blocks * steps,
            "pass": blocks * ((_half_passes(p) - 1) // 2),
            "chained": blocks if steps == _HALF_PASS else 0,
            "tile": whole * p.out_c,
            "part": (tiles - whole) * p.out_c,
        }

    return counts


def _corners(p: WinogradParams, transform: Transform) -> tuple[Array, Array]:
    """Rows and columns of the output where tiles begin that are computed together."""
    tile = transform.tile
    return np.arange(p.row_begin, p.row_end, tile), np.arange(0, p.out_w, _TILES * tile)


def _steps(p: WinogradParams) -> int:
    """Pairs of input channels, of which there are two in four channels."""
    return 2 * -(-p.in_c // _CHANNELS)


def _half_passes(p: WinogradParams) -> int:
    return -(-_steps(p) // _HALF_PASS)


def _stages(p: Conv2dParams, transform: Transform) -> Stages:
    weights, low, high = p.weights.astype(np.int64), p.input_offset - 128, p.input_offset + 127
    products = np.maximum(abs(low), abs(high)) * np.abs(weights).sum(axis=(1, 2, 3))
    bias = p.bias.reshape(-1, p.out_c)
    largest, accepted = int((np.abs(bias.astype(np.int64)) + products).max()), 2**31 // transform.power - 1
    if largest > accepted:
        raise Refusal(f"sums can grow to {largest}; accepted by {transform.name}: up to {accepted}")
    return make_stages(bias, p.multiplier, p.shift, p.output_offset, products)


def _words(transformed: Array) -> Array:
    """Halfwords `[out_c, places, in_c]` as words of two input channels, in the order of the inner loop.

    Channels 0 and 2 of four are a word, and channels 1 and 3, as SXTB16 has them.
    """
    out_c, places, in_c = transformed.shape
    padded: Any = np.pad(transformed.astype(np.int64), ((0, -out_c % _CHANNELS), (0, 0), (0, -in_c % _CHANNELS)))
    quads = padded.reshape(-1, _CHANNELS, places, padded.shape[2] // 4, 2, 2)
    words = (quads[..., 0, :] & 0xFFFF) + (quads[..., 1, :] << 16)
    return np.ascontiguousarray(words.transpose(0, 2, 3, 4, 1)).astype(np.int32)
