"""Scales for groups of weights: a factor, an integer, for every so many neighbouring weights of an output.

    sums[o] = sum over g of factors[o, g] * sum over i in g of weights[o, i] * x[i],  and bias[o]

The scale of an output, in the type of the weights, is that of its finest group; the others have 2 to 255 times that. So
the sums stay integers, and each output has one multiplier, as without groups. Groups run over all inputs of an output,
in a convolution over the weights of a filter as they lie: row, column, channel.

`with_groups` gives an op a fourth operand, the factors: uint8 `[outputs, groups]`. Its integer meaning is that of the
op with the products of weights and factors for weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.ir import DType, Shape, TensorType
from edgeq.ops.conv2d import Conv2dParams, Conv2dS16Params, ConvGeometry
from edgeq.ops.dense import DenseParams, DenseS16Params
from edgeq.ops.filters import weight_offset
from edgeq.ops.op import I32, Array, Lowering, Op, Params, S8Data, S16Data, S32Data, S64Data, U8Data, require_dtype

FACTORS = 3
"""The operand behind the bias, whether that is there or not."""


@dataclass(frozen=True)
class DenseGroupsParams(Params):
    """`DenseParams` with a factor for every `group_size` inputs of an output, `[out_features, groups]`."""

    struct: ClassVar[str] = "dense_groups"

    batches: I32
    in_features: I32
    out_features: I32
    output_offset: I32
    act_min: I32
    act_max: I32
    weight_bits: I32
    group_size: I32
    weights: S8Data
    factors: U8Data
    bias: S32Data
    multiplier: S32Data
    shift: S8Data


@dataclass(frozen=True)
class DenseGroupsS16Params(Params):
    """`DenseS16Params` with factors."""

    struct: ClassVar[str] = "dense_groups_s16"

    batches: I32
    in_features: I32
    out_features: I32
    output_offset: I32
    act_min: I32
    act_max: I32
    weight_bits: I32
    group_size: I32
    weights: S8Data
    factors: U8Data
    bias: S64Data
    multiplier: S16Data
    shift: S8Data


@dataclass(frozen=True)
class Conv2dGroupsParams(ConvGeometry):
    """`Conv2dParams` with a factor for every `group_size` weights of a filter; `groups` are those of channels."""

    struct: ClassVar[str] = "conv2d_groups"

    input_offset: I32
    output_offset: I32
    act_min: I32
    act_max: I32
    bias_cols: I32
    weight_bits: I32
    group_size: I32
    weights: S8Data
    factors: U8Data
    bias: S32Data
    multiplier: S32Data
    shift: S8Data
    bias_row: U8Data | None
    bias_col: U8Data | None


@dataclass(frozen=True)
class Conv2dGroupsS16Params(ConvGeometry):
    """`Conv2dS16Params` with factors."""

    struct: ClassVar[str] = "conv2d_groups_s16"

    output_offset: I32
    act_min: I32
    act_max: I32
    bias_cols: I32
    weight_bits: I32
    group_size: I32
    weights: S8Data
    factors: U8Data
    bias: S64Data
    multiplier: S16Data
    shift: S8Data
    bias_row: U8Data | None
    bias_col: U8Data | None


_GROUPED: dict[type[Params], Any] = {
    DenseParams: DenseGroupsParams,
    DenseS16Params: DenseGroupsS16Params,
    Conv2dParams: Conv2dGroupsParams,
    Conv2dS16Params: Conv2dGroupsS16Params,
}
_PLAIN = {grouped: plain for plain, grouped in _GROUPED.items()}


def spread(factors: Array, weights: Array) -> Array:
    """A factor for each weight.

    Args:
        factors: of the rank of the weights with at most one dimension shorter, or `[outputs, groups]` for weights whose
            first dimension is that of outputs.
        weights: what they belong to.
    """
    if factors.ndim != weights.ndim:
        rows = weights.reshape(len(weights), -1)
        return np.repeat(factors, rows.shape[1] // factors.shape[1], axis=1).reshape(weights.shape)
    for axis, (few, many) in enumerate(zip(factors.shape, weights.shape, strict=True)):
        if few != many:
            factors = np.repeat(factors, many // few, axis=axis)
    return factors


def with_groups(op: Op) -> Op:
    """An op with weights `[outputs, ...]` that takes factors too."""
    return replace(
        op,
        infer=lambda attrs, inputs: _infer(op, attrs, inputs),
        eval_float=lambda attrs, inputs: op.eval_float(attrs, _multiplied(inputs)),
        lower=lambda attrs, lowering: _lower(op, attrs, lowering),
        eval_int=lambda params, inputs: op.eval_int(plain_params(params), inputs),
    )


def _infer(op: Op, attrs: Any, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    shapes = op.infer(attrs, inputs[:FACTORS])
    factors, weights = inputs[FACTORS] if len(inputs) > FACTORS else None, inputs[1]
    if factors is None or weights is None:
        return shapes
    depth = weights.size // weights.shape[0]
    if len(factors.shape) != 2 or factors.shape[0] != weights.shape[0] or depth % max(1, factors.shape[1]):
        raise Refusal(f"factors {factors} do not fit weights {weights}; accepted: whole groups of {depth} weights")
    return shapes


def _multiplied(inputs: Sequence[Any]) -> Sequence[Any]:
    """The operands of the op without groups, in reals."""
    if len(inputs) <= FACTORS or inputs[FACTORS] is None:
        return inputs[:FACTORS]
    return [inputs[0], inputs[1] * spread(np.asarray(inputs[FACTORS], np.float32), inputs[1]), *inputs[2:FACTORS]]


def _lower(op: Op, attrs: Any, lowering: Lowering) -> Params:
    """As the op does it, with the products for weights: all bounds of sums are bounds of theirs."""
    without = replace(lowering, inputs=lowering.inputs[:FACTORS], constants=lowering.constants[:FACTORS])
    factors = lowering.optional(FACTORS, "the table of factors")
    if factors is None:
        return op.lower(attrs, without)
    factor_type = lowering.input(FACTORS)
    require_dtype(factor_type, DType.U8, what="the table of factors")
    if not factors.all():
        raise Refusal("a group of weights has the factor 0; accepted: 1 to 255")
    if weight_offset(lowering.input(1)):
        raise Refusal(f"groups of weights with zero point {lowering.input(1).zero_point}; accepted: 0")
    weights = lowering.constant(1, "the filter")
    products = weights.astype(np.int32) * spread(factors, weights)
    x, _, *rest = without.constants
    plain = op.lower(attrs, replace(without, constants=(x, products, *rest)))
    cls = _GROUPED[type(plain)]
    same = {f.name: getattr(plain, f.name) for f in fields(cls) if hasattr(plain, f.name)}
    size = weights.size // factors.size
    grouped: Params = cls(**{**same, "weights": weights, "factors": factors, "group_size": size})
    return grouped


def plain_params(params: Any) -> Any:
    """The integers of the op without groups, of which `weights` are wider than any kernel's; others as they are."""
    if type(params) not in _PLAIN:
        return params
    cls = _PLAIN[type(params)]
    known = {f.name: getattr(params, f.name, 0) for f in fields(cls)}
    rows = params.weights.astype(np.int32).reshape(len(params.factors), -1)
    products = (rows * spread(params.factors, rows)).reshape(params.weights.shape)
    return cls(**{**known, "weights": products})
