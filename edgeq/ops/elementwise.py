"""Arithmetic on two operands, element by element, either broadcast.

`add`, `sub`, `mul`, `squared_difference`, `maximum`, `minimum`, `prelu`.

Integer meaning, int8 and int16 (both operands and the output alike):

* `add`, `sub` (TFLite `reference_integer_ops::AddFunc`, `reference_ops::SubElementwise`): each operand, its zero point
  subtracted, is scaled to steps of twice the larger input scale / 2**20 (2**15); the sum is scaled to the output.
* `squared_difference` (TFLite Micro `SquaredDifference`): likewise, in steps of twice the larger scale / 2**7 (1),
  squared.
* `mul` (TFLite `reference_integer_ops::MulElementwise`): the product is scaled to the output.
* `maximum`, `minimum` (TFLite `reference_ops::MaximumMinimumBroadcastSlow`): of the integers; scales must be the same.
* `prelu` (TFLite `reference_ops::BroadcastPrelu4DSlow`): an input of 0 and more is scaled to the output, a product of
  one below 0 and its alpha is.

Products of int16 fit int32 where the operands' zero points are 0, which they have to be.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import (
    Int64Array,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    requantize,
    requantize_fraction,
)
from edgeq.ir import DType, TensorType
from edgeq.ops.activation import Activation, quantized_bounds
from edgeq.ops.binary import BinaryAttrs, BinaryParams, binary_fields, infer_binary
from edgeq.ops.op import I32, Array, Lowering, Op, require_dtype, require_per_tensor, require_same_quant

_SUM_BITS = {DType.S8: 20, DType.S16: 15}
"""Fraction bits that `add` and `sub` work with: the difference to a zero point, the sum and the sign fit int32."""

_SQUARE_BITS = {DType.S8: 7, DType.S16: 0}
"""Fraction bits of `squared_difference`: the square of a sum so scaled fits int32."""


@dataclass(frozen=True)
class ArithmeticAttrs:
    """Attributes of `add`, `sub` and `mul`."""

    activation: Activation = Activation.NONE


@dataclass(frozen=True)
class AddParams(BinaryParams):
    """Integers of `add`, `sub` and `squared_difference`; `left_shift` is the fraction bits they work with."""

    struct: ClassVar[str] = "add"

    left_shift: I32
    input1_offset: I32
    input1_multiplier: I32
    input1_shift: I32
    input2_offset: I32
    input2_multiplier: I32
    input2_shift: I32
    output_multiplier: I32
    output_shift: I32
    output_offset: I32
    act_min: I32
    act_max: I32


@dataclass(frozen=True)
class MulParams(BinaryParams):
    """Integers of `mul`."""

    struct: ClassVar[str] = "mul"

    input1_offset: I32
    input2_offset: I32
    multiplier: I32
    shift: I32
    output_offset: I32
    act_min: I32
    act_max: I32


@dataclass(frozen=True)
class PreluParams(BinaryParams):
    """Integers of `prelu`: one multiplier for inputs of 0 and more, one for products with alpha."""

    struct: ClassVar[str] = "prelu"

    input_offset: I32
    alpha_offset: I32
    positive_multiplier: I32
    positive_shift: I32
    negative_multiplier: I32
    negative_shift: I32
    output_offset: I32
    out_min: I32
    out_max: I32


_Types = tuple[TensorType, TensorType, TensorType]


def _operands(lowering: Lowering) -> _Types:
    """Types of both operands and of the output, int8 or int16 with one scale each."""
    types = lowering.input(0), lowering.input(1), lowering.outputs[0]
    require_dtype(types[2], DType.S8, DType.S16, what="the output")
    for type_, what in zip(types, ("the first operand", "the second operand", "the output"), strict=True):
        require_dtype(type_, types[2].dtype, what=what)
        require_per_tensor(type_, what)
    return types


def _factors(lowering: Lowering) -> _Types:
    """Likewise, for ops that multiply: without zero points where the product of int16 could be too large."""
    a, b, output = _operands(lowering)
    if output.dtype is DType.S16 and (a.zero_point, b.zero_point) != (0, 0):
        raise Refusal(f"operands {a} and {b} are int16 with a zero point; accepted: 0")
    return a, b, output


def _lower_add(attrs: ArithmeticAttrs, lowering: Lowering) -> AddParams:
    """Source: TFLite Micro `CalculateOpDataAdd`, `CalculateOpDataSub`, which abort where a multiplier is 1 or more."""
    a, b, output = _operands(lowering)
    common, bits = 2 * max(a.scale, b.scale), _SUM_BITS[output.dtype]
    factors = a.scale / common, b.scale / common, common / ((1 << bits) * output.scale)
    if any(quantize_multiplier(factor)[1] > 0 for factor in factors):
        least = f"an output scale above 2**-{bits - 1} of theirs"
        raise Refusal(f"scales {a.scale} and {b.scale} to {output.scale}; accepted: {least}")
    return _add_params((a, b, output), bits, factors, quantized_bounds(attrs.activation, output))


def _add_params(types: _Types, bits: int, factors: Sequence[float], bounds: tuple[int, int]) -> AddParams:
    """The integers of a sum: fraction bits, factor of either operand and of the output, bounds of the output."""
    a, b, output = types
    (m1, s1), (m2, s2), (m, s) = map(quantize_multiplier, factors)
    return AddParams(
        **binary_fields(a.shape, b.shape),
        left_shift=bits,
        input1_offset=-a.zero_point,
        input1_multiplier=m1,
        input1_shift=s1,
        input2_offset=-b.zero_point,
        input2_multiplier=m2,
        input2_shift=s2,
        output_multiplier=m,
        output_shift=s,
        output_offset=output.zero_point,
        act_min=bounds[0],
        act_max=bounds[1],
    )


def _lower_squared_difference(_: BinaryAttrs, lowering: Lowering) -> AddParams:
    """Source: TFLite Micro `PrepareQuantized` (squared_difference.cc), where the last divisor is a float32."""
    a, b, output = _factors(lowering)
    common, bits = 2 * max(a.scale, b.scale), _SQUARE_BITS[output.dtype]
    with np.errstate(over="ignore"):
        ratio = common * common / float(np.float32(1 << 2 * bits) * np.float32(output.scale))
    return _add_params((a, b, output), bits, (a.scale / common, b.scale / common, ratio), output.dtype.range)


def _lower_mul(attrs: ArithmeticAttrs, lowering: Lowering) -> MulParams:
    a, b, output = _factors(lowering)
    multiplier, shift = quantize_multiplier(a.scale * b.scale / output.scale)
    low, high = quantized_bounds(attrs.activation, output)
    return MulParams(
        **binary_fields(a.shape, b.shape),
        input1_offset=-a.zero_point,
        input2_offset=-b.zero_point,
        multiplier=multiplier,
        shift=shift,
        output_offset=output.zero_point,
        act_min=low,
        act_max=high,
    )


def _lower_extremum(_: BinaryAttrs, lowering: Lowering) -> BinaryParams:
    a, b, output = _operands(lowering)
    require_same_quant(a, output, "the first operand and the output")
    require_same_quant(b, output, "the second operand and the output")
    return BinaryParams(**binary_fields(a.shape, b.shape))


def _lower_prelu(_: BinaryAttrs, lowering: Lowering) -> PreluParams:
    x, alpha, output = _factors(lowering)
    low, high = output.dtype.range
    positive = quantize_multiplier(x.scale / output.scale)
    negative = quantize_multiplier(x.scale * alpha.scale / output.scale)
    return PreluParams(
        **binary_fields(x.shape, alpha.shape),
        input_offset=-x.zero_point,
        alpha_offset=-alpha.zero_point,
        positive_multiplier=positive[0],
        positive_shift=positive[1],
        negative_multiplier=negative[0],
        negative_shift=negative[1],
        output_offset=output.zero_point,
        out_min=low,
        out_max=high,
    )


def _eval_add(params: AddParams, inputs: Sequence[Any], combine: Callable[..., Any]) -> tuple[Array, ...]:
    a, b = _addends(params, inputs)
    return _scaled_sum(params, combine(a, b))


def _eval_squared_difference(params: AddParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    a, b = _addends(params, inputs)
    return _scaled_sum(params, np.square(a - b))


def _addends(params: AddParams, inputs: Sequence[Any]) -> tuple[Int64Array, Int64Array]:
    """Both operands in the common scale, with the fraction bits."""
    a = (inputs[0].astype(np.int64) + params.input1_offset) << params.left_shift
    b = (inputs[1].astype(np.int64) + params.input2_offset) << params.left_shift
    return (
        multiply_by_quantized_multiplier(a, params.input1_multiplier, params.input1_shift),
        multiply_by_quantized_multiplier(b, params.input2_multiplier, params.input2_shift),
    )


def _scaled_sum(p: AddParams, total: Int64Array) -> tuple[Array, ...]:
    return (requantize_fraction(total, p.output_multiplier, p.output_shift, p.output_offset, p.act_min, p.act_max),)


def _eval_mul(params: MulParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    a = inputs[0].astype(np.int64) + params.input1_offset
    b = inputs[1].astype(np.int64) + params.input2_offset
    return (requantize(a * b, params.multiplier, params.shift, params.output_offset, params.act_min, params.act_max),)


def _eval_prelu(params: PreluParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x = inputs[0].astype(np.int64) + params.input_offset
    alpha = inputs[1].astype(np.int64) + params.alpha_offset
    stage = params.output_offset, params.out_min, params.out_max
    positive = requantize(x, params.positive_multiplier, params.positive_shift, *stage)
    negative = requantize(x * alpha, params.negative_multiplier, params.negative_shift, *stage)
    return (np.where(x >= 0, positive, negative),)


def _arithmetic(function: Callable[..., Any]) -> Callable[[ArithmeticAttrs, Sequence[Any]], tuple[Array, ...]]:
    """Float meaning of a NumPy function with a fused activation."""
    return lambda attrs, inputs: (attrs.activation.apply(function(*inputs)).astype(np.float32),)


def _function(function: Callable[..., Any]) -> Callable[[Any, Sequence[Any]], tuple[Array, ...]]:
    """Meaning of a NumPy function, the same on reals and on integers."""
    return lambda _, inputs: (function(*inputs),)


def _prelu_float(_: BinaryAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x, alpha = inputs
    return (np.where(x >= 0, x, x * alpha),)


ADD = Op(
    name="add",
    attrs=ArithmeticAttrs,
    infer=infer_binary,
    eval_float=_arithmetic(np.add),
    lower=_lower_add,
    eval_int=partial(_eval_add, combine=np.add),
)

SUB = Op(
    name="sub",
    attrs=ArithmeticAttrs,
    infer=infer_binary,
    eval_float=_arithmetic(np.subtract),
    lower=_lower_add,
    eval_int=partial(_eval_add, combine=np.subtract),
)

SQUARED_DIFFERENCE = Op(
    name="squared_difference",
    attrs=BinaryAttrs,
    infer=infer_binary,
    eval_float=_function(lambda a, b: np.square(a - b)),
    lower=_lower_squared_difference,
    eval_int=_eval_squared_difference,
)

MUL = Op(
    name="mul",
    attrs=ArithmeticAttrs,
    infer=infer_binary,
    eval_float=_arithmetic(np.multiply),
    lower=_lower_mul,
    eval_int=_eval_mul,
)

MAXIMUM = Op(
    name="maximum",
    attrs=BinaryAttrs,
    infer=infer_binary,
    eval_float=_function(np.maximum),
    lower=_lower_extremum,
    eval_int=_function(np.maximum),
)

MINIMUM = Op(
    name="minimum",
    attrs=BinaryAttrs,
    infer=infer_binary,
    eval_float=_function(np.minimum),
    lower=_lower_extremum,
    eval_int=_function(np.minimum),
)

PRELU = Op(
    name="prelu",
    attrs=BinaryAttrs,
    infer=infer_binary,
    eval_float=_prelu_float,
    lower=_lower_prelu,
    eval_int=_eval_prelu,
)
