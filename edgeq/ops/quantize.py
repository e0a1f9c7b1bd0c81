"""`quantize` and `dequantize`: between reals and integers, where a model is asked to have float ports.

The only ops that compute with floats at run time. `quantize` divides in float32, rounds half away from zero, adds the
zero point and saturates (TFLite `reference_ops::AffineQuantize`); `dequantize` multiplies the distance from the zero
point by the scale in float32 (`reference_ops::Dequantize`). Constants may have factors for groups of them beside their
scales, the second operand (`edgeq.ops.weight_groups`), until a layer takes them over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.ir import DType, Shape, TensorType
from edgeq.ops.op import F32, I32, Array, Lowering, Op, Params, require_dtype, require_per_tensor
from edgeq.ops.requantize import same_reals, same_shape
from edgeq.ops.weight_groups import spread


@dataclass(frozen=True)
class QuantizeAttrs:
    """Nothing: the type of the output says all."""


@dataclass(frozen=True)
class DequantizeAttrs:
    """Nothing: the type of the input says all."""


@dataclass(frozen=True)
class QuantizeParams(Params):
    """`output = clamp(round(input / scale) + zero_point)`; the clamp is the range of the output's type."""

    struct: ClassVar[str] = "quantize"

    count: I32
    scale: F32
    zero_point: I32
    out_min: I32
    out_max: I32


@dataclass(frozen=True)
class DequantizeParams(Params):
    """`output = (input - zero_point) * scale`."""

    struct: ClassVar[str] = "dequantize"

    count: I32
    scale: F32
    zero_point: I32


def quantize_array(x: Array, type_: TensorType) -> Array:
    """Reals as integers of `type_`, per tensor or per channel, rounded as the op rounds.

    Beyond the range of int32, where the cast in C++ is undefined, this saturates; NaN becomes the lowest integer.
    """
    assert type_.quant is not None
    shape = [1] * len(type_.shape)
    if type_.quant.axis is not None:
        shape[type_.quant.axis] = -1
    broadcast = shape if type_.quant.axis is not None else ()
    scale = np.asarray(type_.quant.scale, np.float32).reshape(broadcast)
    zero = np.asarray(type_.quant.zero_point, np.int64).reshape(broadcast)
    return _quantize(x, scale, zero, *type_.dtype.range).astype(type_.dtype.numpy)


def _quantize(x: Array, scale: Array, zero_point: Array, low: int, high: int) -> Array:
    """Saturating before rounding changes nothing, as the bounds are integers, and keeps the cast in range."""
    with np.errstate(over="ignore"):
        steps = x.astype(np.float32) / scale
    first, last = np.float32(low - zero_point), np.float32(high - zero_point)
    steps = np.where(steps > first, steps, first)
    steps = np.where(steps < last, steps, last)
    whole = np.trunc(steps)
    part = steps - whole
    rounded = whole.astype(np.int64) + (part >= 0.5) - (part <= -0.5)
    return np.asarray(rounded + zero_point)


def _lower_quantize(_: QuantizeAttrs, lowering: Lowering) -> QuantizeParams:
    x, output = lowering.input(0), lowering.outputs[0]
    require_dtype(x, DType.F32)
    require_dtype(output, DType.S8, DType.S16, what="output")
    require_per_tensor(output, "output")
    low, high = output.dtype.range
    return QuantizeParams(x.size, output.scale, output.zero_point, low, high)


def _eval_int_quantize(params: QuantizeParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    scale, zero_point = np.asarray(params.scale, np.float32), np.asarray(params.zero_point, np.int64)
    return (_quantize(inputs[0], scale, zero_point, params.out_min, params.out_max),)


def _infer_dequantize(_: DequantizeAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    if len(inputs) not in (1, 2) or any(type_ is None for type_ in inputs):
        raise Refusal(f"{len(inputs)} inputs; accepted: integers, and perhaps factors of groups of them")
    x, *factors = (type_.shape for type_ in inputs if type_ is not None)
    if factors and (len(factors[0]) != len(x) or any(n % max(1, few) for n, few in zip(x, factors[0], strict=True))):
        raise Refusal(f"factors {list(factors[0])} for integers {list(x)}; accepted: whole groups along a dimension")
    return (x,)


def _eval_float_dequantize(_: DequantizeAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    if len(inputs) == 1:
        return (inputs[0],)
    return (inputs[0] * spread(np.asarray(inputs[1], np.float32), inputs[0]),)


def _lower_dequantize(_: DequantizeAttrs, lowering: Lowering) -> DequantizeParams:
    if len(lowering.inputs) > 1:
        raise Refusal("makes reals of groups at run time; accepted: constants that a layer reads as weights")
    x, output = lowering.input(0), lowering.outputs[0]
    require_dtype(x, DType.S8, DType.S16)
    require_dtype(output, DType.F32, what="output")
    require_per_tensor(x, "input")
    return DequantizeParams(x.size, x.scale, x.zero_point)


def _eval_int_dequantize(params: DequantizeParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    distance = inputs[0].astype(np.int32) - params.zero_point
    return (distance.astype(np.float32) * np.float32(params.scale),)


QUANTIZE = Op(
    name="quantize",
    attrs=QuantizeAttrs,
    infer=same_shape,
    eval_float=same_reals,
    lower=_lower_quantize,
    eval_int=_eval_int_quantize,
)

DEQUANTIZE = Op(
    name="dequantize",
    attrs=DequantizeAttrs,
    infer=_infer_dequantize,
    eval_float=_eval_float_dequantize,
    lower=_lower_dequantize,
    eval_int=_eval_int_dequantize,
)
