"""`dense`: a fully connected layer on the last axis, `y[..., o] = sum(x[..., i] * weights[o, i]) + bias[o]`.

Integer meaning: TFLite `reference_integer_ops::FullyConnected` and `FullyConnectedPerChannel`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import requantize, wrap_int32
from edgeq.ir import DType, Shape, TensorType
from edgeq.ops.activation import Activation, quantized_bounds
from edgeq.ops.filters import (
    channel_scales,
    int32_bias,
    multipliers,
    require_int32_sums,
    weight_offset,
)
from edgeq.ops.op import I32, Array, Lowering, Op, Params, S8Data, S32Data, require_dtype, require_per_tensor


@dataclass(frozen=True)
class DenseAttrs:
    """What happens to the sums."""

    activation: Activation = Activation.NONE


@dataclass(frozen=True)
class DenseParams(Params):
    """Integers of a dense layer; weights are `[out_features, in_features]`.

    No value of the input is padding, so the input's zero point is in the bias: `bias - zero_point * sum(weights)`,
    modulo 2**32 as the accumulator is.
    """

    struct: ClassVar[str] = "dense"

    batches: I32
    in_features: I32
    out_features: I32
    weight_offset: I32
    output_offset: I32
    act_min: I32
    act_max: I32
    weights: S8Data
    bias: S32Data
    multiplier: S32Data
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
    sums = inputs[0].astype(np.float64) @ inputs[1].astype(np.float64).T
    if len(inputs) > 2 and inputs[2] is not None:
        sums = sums + inputs[2].reshape(-1)
    return (attrs.activation.apply(sums).astype(np.float32),)


def _lower(attrs: DenseAttrs, lowering: Lowering) -> DenseParams:
    x, weight_type, output = lowering.input(0), lowering.input(1), lowering.outputs[0]
    require_dtype(x, DType.S8)
    require_dtype(output, DType.S8, what="output")
    require_per_tensor(x, "input")
    require_per_tensor(output, "output")
    weights = lowering.constant(1, "the filter")
    multiplier, shift = multipliers(x, channel_scales(weight_type, 0), output)
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
        weights=weights,
        bias=wrap_int32(base - x.zero_point * centred.sum(axis=1)).astype(np.int32),
        multiplier=multiplier,
        shift=shift,
    )


def _eval_int(params: DenseParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    rows = inputs[0].reshape(params.batches, params.in_features).astype(np.float64)
    # In float64, where BLAS does the work: exact, as the sums fit int32.
    weights = params.weights.astype(np.float64) + params.weight_offset
    acc = (rows @ weights.T).astype(np.int64) + params.bias
    out = requantize(acc, params.multiplier, params.shift, params.output_offset, params.act_min, params.act_max)
    return (out.astype(np.int8),)


def _macs(params: DenseParams) -> int:
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
