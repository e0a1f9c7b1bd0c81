"""`bipolar_dense` and `bipolar_conv2d`: the layers of these names where inputs and weights are -1 or 1, a bit each.

A product is 1 where two bits agree and -1 where they do not, so that a sum of n products is n minus twice the number of
bits that differ; padded taps contribute nothing, as ever. What becomes of the sums depends on the output's type:

    int8, int16     the output stage of the other layers
    one bit         -1 where the sum, bias included, is below 0, and 1 from 0 on
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import requantize, wrap_int32
from edgeq.ir import DType
from edgeq.ops.activation import quantized_bounds
from edgeq.ops.conv2d import (
    CONV2D,
    Conv2dAttrs,
    ConvWindow,
    accumulate,
    bias_at_positions,
    bias_regions,
    geometry,
    sizes,
)
from edgeq.ops.dense import DENSE, DenseAttrs
from edgeq.ops.filters import channel_scales, int32_bias, multipliers, require_int32_sums
from edgeq.ops.op import (
    I32,
    Array,
    Lowering,
    Op,
    Params,
    S8Data,
    S32Data,
    U8Data,
    require_dtype,
    require_per_tensor,
)
from edgeq.ops.packing import pack, unpack

WORD_BITS = 32


@dataclass(frozen=True)
class BipolarDenseParams(Params):
    """Integers of a dense layer; `weights` is `[out_features, words]`, rows of bits whose missing ones are 0.

    Without `multiplier` and `shift` the outputs are signs.
    """

    struct: ClassVar[str] = "bipolar_dense"

    batches: I32
    in_features: I32
    out_features: I32
    output_offset: I32
    act_min: I32
    act_max: I32
    weights: S32Data
    bias: S32Data
    multiplier: S32Data | None
    shift: S8Data | None


@dataclass(frozen=True)
class BipolarConv2dParams(ConvWindow):
    """Integers of a convolution with one group; weights as above, O,H,W,I; biases as those of `Conv2dParams`.

    Without `multiplier` and `shift` the outputs are signs.
    """

    struct: ClassVar[str] = "bipolar_conv2d"

    output_offset: I32
    act_min: I32
    act_max: I32
    bias_cols: I32
    weights: S32Data
    bias: S32Data
    multiplier: S32Data | None
    shift: S8Data | None
    bias_row: U8Data | None
    bias_col: U8Data | None


@dataclass(frozen=True)
class _Stage:
    """What becomes of sums: the fields of these names."""

    output_offset: int
    act_min: int
    act_max: int
    weights: Array
    multiplier: Array | None
    shift: Array | None


def _stage(attrs: DenseAttrs | Conv2dAttrs, lowering: Lowering) -> _Stage:
    x, weight_type, output = lowering.input(0), lowering.input(1), lowering.outputs[0]
    require_dtype(x, DType.B1)
    require_dtype(output, DType.B1, DType.S8, DType.S16, what="output")
    for type_, what in ((x, "input"), (output, "output")):
        require_per_tensor(type_, what)
    if x.zero_point != 0:
        raise Refusal(f"bits with zero point {x.zero_point}; accepted: 0")
    weights = lowering.constant(1, "the filter")
    scales = channel_scales(weight_type, 0, (DType.B1,))
    require_int32_sums(weights, tuple(range(1, weights.ndim)), 1)
    if output.dtype is DType.B1:
        return _Stage(0, 0, 0, _words(weights), None, None)
    multiplier, shift = multipliers(x, scales, output)
    low, high = quantized_bounds(attrs.activation, output)
    return _Stage(output.zero_point, low, high, _words(weights), multiplier, shift)


def _words(weights: Array) -> Array:
    """Rows of bits, int32 `[outputs, words]`."""
    rows = weights.reshape(len(weights), -1)
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % WORD_BITS)), constant_values=-1)
    words: Array = pack(padded, 1).view("<i4").astype(np.int32).reshape(len(rows), -1)
    return words


def _rows(words: Array, count: int) -> Array:
    """The first `count` of each row, -1 or 1."""
    return np.stack([unpack(row.astype("<i4").view(np.uint8), 1, count) for row in words])


def _lower_dense(attrs: DenseAttrs, lowering: Lowering) -> BipolarDenseParams:
    x, stage = lowering.input(0), _stage(attrs, lowering)
    bias = lowering.optional(2, "the bias")
    return BipolarDenseParams(
        batches=x.size // x.shape[-1],
        in_features=x.shape[-1],
        out_features=len(stage.weights),
        bias=np.zeros(len(stage.weights), np.int32) if bias is None else int32_bias(bias).reshape(-1),
        **vars(stage),
    )


def _lower_conv(attrs: Conv2dAttrs, lowering: Lowering) -> BipolarConv2dParams:
    x, output, stage = lowering.input(0), lowering.outputs[0], _stage(attrs, lowering)
    if attrs.groups != 1:
        raise Refusal(f"{attrs.groups} groups of channels; accepted: 1")
    bias, bias_row, bias_col = bias_regions(lowering)
    weights = lowering.constant(1, "the filter")
    window: dict[str, Any] = {name: size for name, size in sizes(attrs, x, weights, output).items() if name != "groups"}
    return BipolarConv2dParams(
        **window,
        bias_cols=1 if bias_col is None else int(bias_col.max()) + 1,
        bias=np.zeros(output.shape[3], np.int32) if bias is None else int32_bias(bias),
        bias_row=bias_row,
        bias_col=bias_col,
        **vars(stage),
    )


def _results(params: BipolarDenseParams | BipolarConv2dParams, sums: Array) -> tuple[Array, ...]:
    if params.multiplier is None:
        return (np.where(wrap_int32(sums) >= 0, 1, -1),)
    stage = params.multiplier, params.shift, params.output_offset, params.act_min, params.act_max
    return (requantize(sums, *stage),)


def _eval_dense(params: BipolarDenseParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    rows = inputs[0].reshape(params.batches, params.in_features).astype(np.float64)
    sums = (rows @ _rows(params.weights, params.in_features).T.astype(np.float64)).astype(np.int64)
    return _results(params, sums + params.bias)


def _eval_conv(params: BipolarConv2dParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    shape = params.kernel_h, params.kernel_w, params.in_c
    weights = _rows(params.weights, math.prod(shape)).reshape(-1, *shape)
    sums = accumulate(inputs[0], weights, Conv2dAttrs(**geometry(params))).astype(np.int64)
    return _results(params, sums + bias_at_positions(params))


def _dense_macs(params: BipolarDenseParams) -> int:
    return params.batches * params.in_features * params.out_features


def _conv_macs(params: BipolarConv2dParams) -> int:
    positions = math.prod((params.batches, params.out_h, params.out_w, params.out_c))
    return positions * params.kernel_h * params.kernel_w * params.in_c


BIPOLAR_DENSE = Op(
    name="bipolar_dense",
    attrs=DenseAttrs,
    infer=DENSE.infer,
    eval_float=DENSE.eval_float,
    lower=_lower_dense,
    eval_int=_eval_dense,
    operands=1,
    macs=_dense_macs,
)

BIPOLAR_CONV2D = Op(
    name="bipolar_conv2d",
    attrs=Conv2dAttrs,
    infer=CONV2D.infer,
    eval_float=CONV2D.eval_float,
    lower=_lower_conv,
    eval_int=_eval_conv,
    operands=1,
    macs=_conv_macs,
)
