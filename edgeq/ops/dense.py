"""`dense`: a fully connected layer on the last axis, `y[..., o] = sum(x[..., i] * weights[o, i]) + bias[o]`.

Integer meaning: TFLite `reference_integer_ops::FullyConnected` and `FullyConnectedPerChannel`, with int32 sums for
int8 inputs and int64 sums for int16 inputs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import requantize, requantize64, wrap_int32
from edgeq.ir import DType, Shape, TensorType
from edgeq.ops.activation import Activation, quantized_bounds
from edgeq.ops.filters import (
    WEIGHTS,
    channel_scales,
    int32_bias,
    int64_bias,
    largest_step,
    multipliers,
    multipliers64,
    require_int32_sums,
    require_int48_sums,
    require_symmetric,
    weight_offset,
)
from edgeq.ops.op import (
    I32,
    Array,
    Lowering,
    Op,
    Params,
    S8Data,
    S16Data,
    S32Data,
    S64Data,
    require_dtype,
    require_per_tensor,
)


@dataclass(frozen=True)
class DenseAttrs:
    """What happens to the sums."""

    activation: Activation = Activation.NONE


@dataclass(frozen=True)
class DenseParams(Params):
    """Integers of a dense layer with int8 inputs; weights are `[out_features, in_features]`.

    No value of the input is padding, so the input's zero point is in the bias: `bias - zero_point * sum(weights)`,
    modulo 2**32 as the accumulator is. `weights` of less than 8 `weight_bits` are packed by the kernel's row.
    """

    struct: ClassVar[str] = "dense"

    batches: I32
    in_features: I32
    out_features: I32
    weight_offset: I32
    output_offset: I32
    act_min: I32
    act_max: I32
    weight_bits: I32
    weights: S8Data
    bias: S32Data
    multiplier: S32Data
    shift: S8Data


@dataclass(frozen=True)
class DenseS16Params(Params):
    """Integers of a dense layer with int16 inputs, whose zero point is 0: sums of 64 bits, multipliers in Q15."""

    struct: ClassVar[str] = "dense_s16"

    batches: I32
    in_features: I32
    out_features: I32
    weight_offset: I32
    output_offset: I32
    act_min: I32
    act_max: I32
    weight_bits: I32
    weights: S8Data
    bias: S64Data
    multiplier: S16Data
    shift: S8Data


def _infer(_: DenseAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x, weights, bias = (*inputs, None, None, None)[:3]
    if x is None or weights is None:
        raise Refusal("input and weights must be there")
    if len(weights.shape) != 2 or not x.shape or x.shape[-1] != weights.shape[1]:
        raise Refusal(f"weights {weights} do not fit input {x}")
    if bias is not None and bias.size != weights.shape[0]:
        raise Refusal(f"bias {bias} does not fit {weights.shape[0]} output features")
    return ((*x.shape[:-1], weights.shape[0]),)


def _eval_float(attrs: DenseAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    sums = np.asarray(inputs[0] @ inputs[1].T)
    if len(inputs) > 2 and inputs[2] is not None:
        sums += inputs[2].reshape(-1)
    return (attrs.activation.apply(sums),)


def _lower(attrs: DenseAttrs, lowering: Lowering) -> DenseParams | DenseS16Params:
    x, output = lowering.input(0), lowering.outputs[0]
    for type_, what in ((x, "input"), (output, "output")):
        require_dtype(type_, DType.S8, DType.S16, what=what)
        require_per_tensor(type_, what)
        require_symmetric(type_, what)
    return _lower_s16(attrs, lowering) if x.dtype is DType.S16 else _lower_s8(attrs, lowering)


def _lower_s8(attrs: DenseAttrs, lowering: Lowering) -> DenseParams:
    x, weight_type, output = lowering.input(0), lowering.input(1), lowering.outputs[0]
    weights = lowering.constant(1, "the filter")
    multiplier, shift = multipliers(x, channel_scales(weight_type, 0, WEIGHTS), output)
    offset = weight_offset(weight_type)
    centred = weights.astype(np.int64) + offset
    require_int32_sums(centred, (1,), -x.dtype.range[0])
    bias = lowering.optional(2, "the bias")
    base = np.zeros(len(weights), np.int64) if bias is None else int32_bias(bias).reshape(-1).astype(np.int64)
    low, high = quantized_bounds(attrs.activation, output)
    return DenseParams(
        batches=x.size // x.shape[-1],
        in_features=x.shape[-1],
        out_features=len(weights),
        weight_offset=offset,
        output_offset=output.zero_point,
        act_min=low,
        act_max=high,
        weight_bits=weight_type.dtype.bits,
        weights=weights,
        bias=wrap_int32(base - x.zero_point * centred.sum(axis=1)).astype(np.int32),
        multiplier=multiplier,
        shift=shift,
    )


def _lower_s16(attrs: DenseAttrs, lowering: Lowering) -> DenseS16Params:
    x, weight_type, output = lowering.input(0), lowering.input(1), lowering.outputs[0]
    weights = lowering.constant(1, "the filter")
    multiplier, shift = multipliers64(x, channel_scales(weight_type, 0, WEIGHTS), output)
    offset = weight_offset(weight_type)
    bias = int64_bias(lowering.optional(2, "the bias"), len(weights))
    require_int48_sums(weights.astype(np.int64) + offset, (1,), largest_step(x), bias)
    low, high = quantized_bounds(attrs.activation, output)
    return DenseS16Params(
        batches=x.size // x.shape[-1],
        in_features=x.shape[-1],
        out_features=len(weights),
        weight_offset=offset,
        output_offset=output.zero_point,
        act_min=low,
        act_max=high,
        weight_bits=weight_type.dtype.bits,
        weights=weights,
        bias=bias,
        multiplier=multiplier,
        shift=shift,
    )


def _eval_int(params: DenseParams | DenseS16Params, inputs: Sequence[Any]) -> tuple[Array, ...]:
    rows = inputs[0].reshape(params.batches, params.in_features).astype(np.float64)
    # In float64, where BLAS does the work: exact, as the sums stay below 2**53.
    weights = params.weights.astype(np.float64) + params.weight_offset
    acc = (rows @ weights.T).astype(np.int64) + params.bias
    output_stage = requantize if isinstance(params, DenseParams) else requantize64
    bounds = params.act_min, params.act_max
    return (output_stage(acc, params.multiplier, params.shift, params.output_offset, *bounds),)


def _macs(params: DenseParams | DenseS16Params) -> int:
    return math.prod((params.batches, params.in_features, params.out_features))


DENSE = Op(
    name="dense",
    attrs=DenseAttrs,
    infer=_infer,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=_eval_int,
    operands=1,
    macs=_macs,
)
