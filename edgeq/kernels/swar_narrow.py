"""Weights of 4, 2 and 1 bits for cores without SIMD: in pairs in the halves of words, as `isa/narrow_pairs.h` has them.

Depthwise layers have few weights: they are packed in their order, and unpacked channel by channel.
"""

from dataclasses import replace

import numpy as np

from edgeq.errors import Refusal
from edgeq.kernels.convolution import filters_of, same_fields
from edgeq.kernels.swar_conv2d import Conv2dSwarParams, scaling_of
from edgeq.kernels.swar_dense import INPUTS, OUTPUTS, DenseSwarParams, dense_scaling, with_sizes
from edgeq.kernels.swar_depthwise import DepthwiseSwarParams
from edgeq.kernels.swar_depthwise import pack as pack_wide_depthwise
from edgeq.kernels.swar_stages import make_swar_stages
from edgeq.kernels.swar_weights import GROUP
from edgeq.ops.conv2d import Conv2dParams
from edgeq.ops.dense import DenseParams
from edgeq.ops.op import Array
from edgeq.ops.packing import pack as pack_bits

_PAIRS = ((2, 3), (0, 1))
"""Which elements of a group are in the lower halves of words, of the even and of the odd pair, and in the upper ones:
those that meet the inputs' other element."""


def pack_narrow_words(filters: Array, bits: int) -> Array:
    """Filters `[channels, taps]` as int32 words `[channels, words]`; missing taps are 0, of one bit -1."""
    taps = np.pad(filters.astype(np.int64), ((0, 0), (0, -filters.shape[1] % GROUP)))
    codes = (taps > 0).astype(np.int64) if bits == 1 else taps + (1 << (bits - 1))
    together = 8 // bits
    groups = codes.reshape(len(codes), -1, GROUP)
    groups = np.pad(groups, ((0, 0), (-groups.shape[1] % together, 0), (0, 0)))
    pairs = groups[..., np.array(_PAIRS)].reshape(len(codes), -1, together, 2, 2)
    places = bits * (2 * np.arange(together)[:, None, None] + np.arange(2)) + np.array([0, 16])[:, None]
    words = (pairs << places).sum(axis=(2, 3, 4))
    return np.asarray(words.astype(np.uint32).view(np.int32))


def refuses_conv(params: Conv2dParams) -> str | None:
    """Why no kernel for its width can compute a convolution, if so."""
    taps = params.kernel_h * params.kernel_w * params.in_c
    if params.groups != 1:
        return f"{params.groups} groups of channels; accepted: 1"
    if params.weight_bits == 1 and taps % GROUP:
        return f"{taps} weights of 1 bit, which cannot be 0, per filter; accepted: multiples of {GROUP}"
    return _refuses(params, filters_of(params))


def _refuses(params: Conv2dParams, filters: Array) -> str | None:
    if params.weight_offset != 0:
        return "the filter has a zero point other than 0; accepted: 0"
    try:
        make_swar_stages(scaling_of(params, filters))
    except Refusal as refusal:
        return str(refusal)
    return None


def pack_conv(params: Conv2dParams) -> Conv2dSwarParams:
    """The integers of the kernel for a width."""
    filters = filters_of(params)
    stages = make_swar_stages(scaling_of(params, filters))
    return Conv2dSwarParams(
        **same_fields(params, Conv2dSwarParams),
        products=stages.products,
        filters=np.hstack([pack_narrow_words(filters, params.weight_bits), stages.words]),
        bias=stages.bias,
    )


def refuses_dense(params: DenseParams) -> str | None:
    """Why no kernel for its width can compute a dense layer, if so."""
    if params.weight_offset != 0:
        return "the filter has a zero point other than 0; accepted: 0"
    try:
        make_swar_stages(dense_scaling(params))
    except Refusal as refusal:
        return str(refusal)
    return None


def pack_dense(params: DenseParams) -> DenseSwarParams:
    """The integers of the kernel for a width: words block by block of outputs, of inputs, output by output."""
    weights, bits = params.weights, params.weight_bits
    blocks = [
        pack_narrow_words(weights[i : i + OUTPUTS, k : k + INPUTS], bits).ravel()
        for i in range(0, len(weights), OUTPUTS)
        for k in range(0, weights.shape[1], INPUTS)
    ]
    return with_sizes(params, np.concatenate(blocks))


def pack_depthwise(params: Conv2dParams) -> DepthwiseSwarParams:
    """The integers of `edgeq_depthwise_conv2d_narrow_s8__swar`."""
    wide = pack_wide_depthwise(params)
    return replace(wide, weights=pack_bits(wide.weights, params.weight_bits).view(np.int8))
