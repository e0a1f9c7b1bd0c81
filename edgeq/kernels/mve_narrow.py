"""Layers with weights of 4 bits for Arm's MVE: the kernels for 8 bits, but for how weights are stored and loaded.

Two vectors side by side are one, in the low and the high halves of its bytes: of two channels of a convolution, of two
outputs of a dense layer. Sums of products with low halves are 16 times as large in C, until they are shifted. A vector
of a depthwise convolution is eight bytes of its own, and of a window there is just the one at its first place.
"""

from dataclasses import replace

import numpy as np

from edgeq.kernels import mve_conv, mve_dense, mve_depthwise
from edgeq.kernels.convolution import filters_of
from edgeq.kernels.mve_stages import TAPS
from edgeq.ops import packing
from edgeq.ops.conv2d import Conv2dParams
from edgeq.ops.dense import DenseParams
from edgeq.ops.op import Array

_LARGEST_PRODUCTS = (2**31 - 1) // 16
"""Sums of products that are 16 times as large fit 32 bits."""


def refuses_conv(params: Conv2dParams) -> str | None:
    """Why the convolution cannot compute a layer, if so."""
    return mve_conv.refuses(params) or _refuses_products(filters_of(params))


def pack_conv(params: Conv2dParams) -> mve_conv.Conv2dMveParams:
    """Its integers: `weights` is `[channels / 2, taps / 16, 1, 16]`."""
    wide = mve_conv.pack(params)
    return replace(wide, weights=_side_by_side(wide.weights))


def refuses_dense(params: DenseParams) -> str | None:
    """Why the dense layer cannot be computed, if so."""
    return mve_dense.refuses(params) or _refuses_products(params.weights.reshape(params.out_features, -1))


def pack_dense(params: DenseParams) -> mve_dense.DenseMveParams:
    """Its integers: `weights` is `[rows / 8, elements / 16, 4, 16]`."""
    wide = mve_dense.pack(params)
    return replace(wide, weights=_side_by_side(wide.weights))


def pack_depthwise(params: Conv2dParams) -> mve_depthwise.DepthwiseMveParams:
    """The integers of the depthwise convolution: `weights` is `[channels, vectors, 8]`."""
    wide = mve_depthwise.pack(params)
    vectors = wide.weights[:, :1] if wide.in_blocks else wide.weights
    packed = packing.pack(vectors, 4).view(np.int8).reshape(*vectors.shape[:2], TAPS // 2)
    return replace(wide, weights=packed, weights_step=packed[0].size)


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
