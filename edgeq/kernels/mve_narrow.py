"""Layers with weights of 4 bits for Arm's MVE: the kernels for 8 bits, but for how weights are stored and loaded.

Two vectors side by side are one, in the low and the high halves of its bytes: of two channels of a convolution, of two
outputs of a dense layer. Sums of products with low halves are 16 times as large in C, until they are shifted. A vector
of a depthwise convolution is eight bytes of its own, and of a window there is just the one at its first place.

Weights of 2 bits and 1 are stored in 4 here: twice and four times the bytes, and still a third of the time of the
kernels for the DSP extension, which a goal that counts bytes takes.
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from edgeq.fixedpoint import Rounding, current_rounding
from edgeq.kernels import mve_conv, mve_dense, mve_depthwise
from edgeq.kernels.convolution import filters_of
from edgeq.kernels.mve_stages import TAPS
from edgeq.ops import packing
from edgeq.ops.conv2d import Conv2dParams
from edgeq.ops.dense import DenseParams
from edgeq.ops.op import Array

_Weighted = TypeVar("_Weighted", Conv2dParams, DenseParams)

_LARGEST_PRODUCTS = (2**31 - 1) // 16
"""Sums of products that are 16 times as large fit 32 bits."""


def refuses_conv(params: Conv2dParams) -> str | None:
    """Why the convolution cannot compute a layer, if so."""
    params = _doubled(params, 0)
    return mve_conv.refuses(params) or _refuses_products(filters_of(params))


def pack_conv(params: Conv2dParams) -> mve_conv.Conv2dMveParams:
    """Its integers: `weights` is `[channels / 2, taps / 16, 1, 16]`."""
    wide = mve_conv.pack(_doubled(params, 0))
    return replace(wide, weights=_side_by_side(wide.weights))


def refuses_dense(params: DenseParams) -> str | None:
    """Why the dense layer cannot be computed, if so."""
    params = _doubled(params, 0)
    return mve_dense.refuses(params) or _refuses_products(params.weights.reshape(params.out_features, -1))


def pack_dense(params: DenseParams) -> mve_dense.DenseMveParams:
    """Its integers: `weights` is `[rows / 8, elements / 16, 4, 16]`."""
    wide = mve_dense.pack(_doubled(params, 0))
    return replace(wide, weights=_side_by_side(wide.weights))


def refuses_depthwise(params: Conv2dParams) -> str | None:
    """Why the depthwise convolution cannot compute a layer, if so."""
    return mve_depthwise.refuses(_doubled(params, -1))


def pack_depthwise(params: Conv2dParams) -> mve_depthwise.DepthwiseMveParams:
    """The integers of the depthwise convolution: `weights` is `[channels, vectors, 8]`."""
    wide = mve_depthwise.pack(_doubled(params, -1))
    vectors = wide.weights[:, :1] if wide.in_blocks else wide.weights
    packed = packing.pack(vectors, 4).view(np.int8).reshape(*vectors.shape[:2], TAPS // 2)
    return replace(wide, weights=packed, weights_step=packed[0].size)


def _doubled(params: _Weighted, axis: int) -> _Weighted:
    """The layer with weights and biases of some channels times 2, 4 or 8, and scales as much smaller.

    So the stages have something to round where sums are scaled by 1/2 or more. Weights of 2 bits and 1 have room in 4;
    rounding twice, only outputs whose zero point is -128 need no more than to be scaled by less than 1.

    Args:
        params: of a layer.
        axis: of the weights, the one of the channels.
    """
    if current_rounding() is Rounding.FLOAT32:
        return params
    filters = np.moveaxis(params.weights.astype(np.int64), axis, -1)
    others = tuple(range(filters.ndim - 1))
    lowest, highest = filters.min(axis=others), filters.max(axis=others)
    room = sum(((lowest << n >= -8) & (highest << n <= 7)).astype(np.int64) for n in (1, 2, 3))
    wanted = params.shift.astype(np.int64) + (current_rounding() is Rounding.SINGLE)
    left = np.clip(wanted, 0, room)
    return replace(
        params,
        weights=np.moveaxis(filters << left, -1, axis).astype(np.int8),
        bias=(params.bias.astype(np.int64).reshape(-1, left.size) << left).reshape(params.bias.shape),
        shift=params.shift - left,
    )


def _side_by_side(vectors: Array) -> Array:
    """Of vectors `[..., an even number, 16]`, each two in one: the first in the low halves."""
    low, high = vectors[..., 0::2, :], vectors[..., 1::2, :]
    halves: Array = ((low & 15) | (high << 4)).astype(np.int8)
    return halves


def _refuses_products(filters: Array) -> str | None:
    largest = 128 * int(np.abs(filters.astype(np.int64)).sum(axis=1).max(initial=0))
    if largest > _LARGEST_PRODUCTS:
        return f"sums of products can grow to {largest}; accepted: up to {_LARGEST_PRODUCTS}"
    return None
