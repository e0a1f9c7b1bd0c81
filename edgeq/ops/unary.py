"""Functions of one value that TFLite has: sigmoids, the relu family, `gelu`, exponentials, roots, signs, rounding.

Each has a meaning on reals and a function that fills its table (`edgeq.ops.lookup`) with what TensorFlow Lite Micro
computes for int8, or LiteRT's reference kernels where TFLM has none. `edgeq.ops.unary_real` has the others.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import truediv
from typing import Any

import numpy as np

from edgeq import gemmlowp
from edgeq.errors import Refusal
from edgeq.fixedpoint import (
    Int64Array,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    requantize,
    rounding_divide_by_pot,
)
from edgeq.ir import DType, Quant, TensorType
from edgeq.ops.activation import Activation, quantized_bounds
from edgeq.ops.levels import LEVELS
from edgeq.ops.lines import Line, Lines, LinesOf
from edgeq.ops.lookup import Domain, Function, Table, UnaryAttrs, everywhere, lookup_op, steps
from edgeq.ops.op import Array, Op
from edgeq.ops.unary_real import REAL_UNARY, from_zero, in_double, sigmoid

_INT8 = DType.S8.range
_INT16 = DType.S16.range


@dataclass(frozen=True)
class LeakyReluAttrs(UnaryAttrs):
    """Slope below 0, a float32; it may be above 1 or negative."""

    alpha: float


@dataclass(frozen=True)
class GeluAttrs(UnaryAttrs):
    """Whether the normal distribution is approximated with a tanh."""

    approximate: bool = False


@dataclass(frozen=True)
class EluAttrs(UnaryAttrs):
    """What it is below 0: `alpha * (exp(x) - 1)`; TFLite has 1 only."""

    alpha: float = 1.0


def _clamp_table(activation: Activation, quotient: Callable[[float, float], float]) -> Table:
    """Requantize to the output and clamp.

    Source: TFLite Micro `CalculateReluOpData`, where the quotient of the scales is a double; LiteRT `ReluPrepare`,
    where it is a float32, for what TFLM does not have. TFLM's RELU6 clamps in the input's scale and copies the bytes,
    which is the same where output and input share scale and zero point, and wrong otherwise.
    """

    def table(_: Any, x: TensorType, output: TensorType) -> Array:
        low, high = quantized_bounds(activation, output)
        multiplier = _multiplier(quotient(x.scale, output.scale))
        return requantize(steps(x), *multiplier, output.zero_point, low, high)

    return table


def _float32_quotient(a: float, b: float) -> float:
    with np.errstate(all="ignore"):
        return float(np.float32(a) / np.float32(b))


_LARGEST_RATIO = 2.0**22
"""Of input to output scale: 255 steps of the input then still fit int32, and 1 saturates the output anyway."""


def _multiplier(ratio: float) -> tuple[int, int]:
    """What brings steps of the input to steps of the output, in fixed point."""
    if not ratio <= _LARGEST_RATIO:
        raise Refusal(f"an input step is {ratio:g} output steps; accepted: up to {_LARGEST_RATIO:g}")
    return quantize_multiplier(ratio)


def _leaky_relu_table(attrs: LeakyReluAttrs, x: TensorType, output: TensorType) -> Array:
    """A multiplier on either side of 0; the sign of a slope is applied after the rounding, which decides halves.

    Source: TFLite Micro `CalculateOpDataLeakyRelu`, `QuantizeLeakyRelu`.
    """
    above = multiply_by_quantized_multiplier(steps(x), *_multiplier(x.scale / output.scale))
    slope = abs(attrs.alpha)
    below = multiply_by_quantized_multiplier(steps(x), *_multiplier(x.scale * slope / output.scale))
    return np.where(steps(x) >= 0, above, -below if attrs.alpha < 0 else below) + output.zero_point


_RANGE_BITS = 4
"""Integer bits of the argument of `logistic` and `tanh`: beyond 16 both have reached their limits."""


def _sigmoid_table(
    function: Callable[[Any, int], Int64Array],
    fraction_bits: int,
    zero_point: int,
    _: Any,
    x: TensorType,
    out: TensorType,
) -> Array:
    """A function of gemmlowp on arguments in Q4, its result rounded to `fraction_bits`.

    Source: TFLite `reference_integer_ops::Logistic` and `Tanh`; multiplier and radius: TFLite Micro
    `CalculateArithmeticOpDataLogistic`, TFLite `CalculateInputRadius`.
    """
    wanted = Quant.per_tensor(2.0**-fraction_bits, zero_point)
    if out.quant != wanted:
        raise Refusal(f"output {out}; accepted: {wanted}")
    factor = x.scale * 2.0 ** (31 - _RANGE_BITS)
    _, shift = math.frexp(factor)
    radius = math.floor(min((2**_RANGE_BITS - 1) * 2.0 ** (31 - _RANGE_BITS - shift), 256))
    # The result outside the radius is not looked at; arguments are kept inside, so that nothing overflows.
    inside = np.clip(steps(x), -radius, radius)
    argument = multiply_by_quantized_multiplier(inside, *quantize_multiplier(factor))
    result = rounding_divide_by_pot(function(argument, _RANGE_BITS), 31 - fraction_bits) + zero_point
    return np.where(steps(x) <= -radius, _INT8[0], np.where(steps(x) >= radius, _INT8[1], result))


def _hard_swish_table(_: Any, x: TensorType, output: TensorType) -> Array:
    """`x * clamp(x + 3, 0, 6) / 6` in 16 bits: x / 3 in Q15, shifted to 0 .. 1, times x in steps of the output.

    Source: TFLite Micro `HardSwishPrepare`, TFLite `reference_ops::HardSwish`.
    """
    fine, fine_scale = steps(x) * 128, x.scale / 128
    out_multiplier, out_shift = _multiplier16(fine_scale / output.scale)
    if out_shift > 0:
        raise Refusal(f"scales {x.scale} to {output.scale}; accepted: an output scale above 1/128 of the input's")
    in_output = _high_mul16(fine, out_multiplier)
    third_multiplier, third_shift = _multiplier16(fine_scale / (3 / 32768))
    # The last bit of a left shift comes after the product: before it, saturation would falsify what is below 1.
    third = _saturate16(fine << max(third_shift - 1, 0))
    third = _high_mul16(third, third_multiplier)
    third = _saturate16(third << 1) if third_shift > 0 else rounding_divide_by_pot(third, -third_shift)
    gate = (third + 32768) >> 1
    product = gate * in_output
    truncated = np.sign(product) * (np.abs(product) >> 15)
    return rounding_divide_by_pot(truncated, -out_shift) + output.zero_point


def _multiplier16(real: float) -> tuple[int, int]:
    """A Q15 mantissa and a power of two. Source: TFLite `DownScaleInt32ToInt16Multiplier`."""
    mantissa, shift = quantize_multiplier(real)
    return min((mantissa + (1 << 15)) >> 16, _INT16[1]), shift


def _high_mul16(a: Int64Array, b: int) -> Int64Array:
    """`a * b * 2 / 2**16`, rounded to nearest. Source: gemmlowp `SaturatingRoundingDoublingHighMul` of int16."""
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.where(nudged >= 0, nudged >> 15, -(-nudged >> 15))


def _saturate16(x: Int64Array) -> Int64Array:
    return np.clip(x, *_INT16)


def _sign_table(function: Callable[[Array], Array], _: Any, x: TensorType, output: TensorType) -> Array:
    """A function of steps that keeps magnitudes, requantized. Source: TFLite Micro `AbsEvalQuantized`."""
    multiplier = _multiplier(x.scale / output.scale)
    return requantize(function(steps(x)), *multiplier, output.zero_point, *_INT8)


_ROOT_BITS = 20
"""Fraction bits of a reciprocal root between its two scalings."""


def _rsqrt_table(_: Any, x: TensorType, output: TensorType) -> Array:
    """The reciprocal root of the steps, then of their scale. At 0, and below, the highest output.

    Source: TFLite Micro `SetRsqrtOutputMultiplier`, `RsqrtEvalQuantized`, which fails on inputs below 0.
    """
    mantissa, right = gemmlowp.inverse_square_root(np.maximum(steps(x), 1))
    root = multiply_by_quantized_multiplier(1, mantissa, _ROOT_BITS - right)
    multiplier, shift = quantize_multiplier(1 / (math.sqrt(x.scale) * output.scale))
    result = multiply_by_quantized_multiplier(root, multiplier, shift - _ROOT_BITS) + output.zero_point
    return np.where(steps(x) <= 0, _INT8[1], result)


def _sqrt_table(_: Any, x: TensorType, output: TensorType) -> Array:
    """In float32, cut off instead of rounded. Source: measured on LiteRT's kernel, which fails on inputs below 0."""
    values = np.float32(x.scale) * np.maximum(steps(x), 0).astype(np.float32)
    with np.errstate(over="ignore"):
        roots = np.minimum(np.sqrt(values) / np.float32(output.scale), 256)
    return np.asarray(np.trunc(roots) + output.zero_point)


def _float_table(real: Callable[[Any, Array], Array]) -> Table:
    """A function in float32, rounded to the output's steps.

    Source: TFLite Micro `PopulateLookupTable` (elu.cc), TFLite `LUTPopulate`. Functions are evaluated in double and
    rounded to float32, which is what a good C library returns.
    """

    def table(attrs: Any, x: TensorType, output: TensorType) -> Array:
        with np.errstate(all="ignore"):
            inverse = np.float32(1) / np.float32(output.scale)
            values = np.float32(x.scale) * steps(x).astype(np.float32)
            scaled = np.asarray(real(attrs, values), np.float32) * inverse
        if not (np.isfinite(inverse) and np.isfinite(values).all()):
            raise Refusal(f"scales {x.scale} to {output.scale}; accepted: reals and a reciprocal that are float32")
        rounded = np.copysign(np.floor(np.abs(scaled.astype(np.float64)) + 0.5), scaled)
        return np.asarray(np.clip(rounded + output.zero_point, *_INT8))

    return table


def _elu(attrs: EluAttrs, x: Array) -> Array:
    """Source: TFLite `reference_ops::Elu`; ONNX `Elu`, which has the factor."""
    return np.where(x < 0, attrs.alpha * np.expm1(np.minimum(x, 0).astype(np.float64)), x)


def _elu_of_bytes(attrs: EluAttrs, x: Array) -> Array:
    """Source: TFLite Micro `EluPrepare`, where a byte's exponential is rounded before 1 is subtracted."""
    below = np.exp(np.minimum(x, 0).astype(np.float64)).astype(np.float32) - np.float32(1)
    return np.where(x < 0, np.float32(attrs.alpha) * below, x)


def _log(x: Array) -> Array:
    """Below 0 as at 0. Source: LiteRT `LogLUTPrepare`, which gives both the lowest output."""
    return np.asarray(np.log(np.maximum(x, 0)))


def _gelu(attrs: GeluAttrs, x: Array) -> Array:
    """Source: TFLite `reference_ops::GeluTransform` and `GeluTransformApproximate`."""
    x = x.astype(np.float32)
    if attrs.approximate:
        inner = np.float32(math.sqrt(2 / math.pi)) * (x + np.float32(0.044715) * x * x * x)
        gate = np.float32(1) + np.tanh(inner.astype(np.float64)).astype(np.float32)
        return np.asarray(np.float32(0.5) * x * gate, np.float32)
    arguments = (x * np.float32(-math.sqrt(0.5))).reshape(-1)
    tail = np.array([math.erfc(a) for a in arguments.tolist()], np.float32).reshape(x.shape)
    return np.asarray(np.float32(0.5) * x * tail, np.float32)


_ONLY_REAL: dict[str, tuple[Callable[[Array], Array], LinesOf | None]] = {
    "ceil": (np.ceil, lambda _, low, high: _steps(low, high, lambda k: Line(k - 1, 0, k, behind=True))),
    "cos": (np.cos, None),
    "floor": (np.floor, lambda _, low, high: _steps(low, high, lambda k: Line(k, 0, k))),
    "round": (np.rint, lambda _, low, high: _steps(low, high, lambda k: Line(k - 0.5, 0, k, behind=k % 2 == 1))),
    "sin": (np.sin, None),
    "square": (np.square, None),
}
"""Functions whose integer meaning, in TFLite, is the real one, rounded, and their lines where they have some."""

_MOST_STEPS = 1024


def _steps(low: float, high: float, line: Callable[[int], Line]) -> Lines:
    """A line without slope for each integer that is a result for reals in this range."""
    if high - low > _MOST_STEPS:
        raise Refusal(f"int16 inputs range over {high - low:g}; accepted: up to {_MOST_STEPS}")
    first = math.floor(low)
    return Lines([Line(-math.inf, 0, first), *(line(k) for k in range(first + 1, math.ceil(high) + 1))])


def _clamp_op(activation: Activation, quotient: Callable[[float, float], float]) -> Op:
    def lines(_: UnaryAttrs, _low: float, _high: float) -> Lines:
        return Lines([Line(-math.inf, 1)], *activation.bounds)

    function = Function(lambda _, x: activation.apply(x), _clamp_table(activation, quotient), lines=lines)
    return lookup_op(activation.value, function)


def _leaky_relu_lines(attrs: LeakyReluAttrs, _low: float, _high: float) -> Lines:
    """Source: TFLite `reference_ops::QuantizeLeakyRelu`, of int16 as of int8."""
    if attrs.alpha < 0 and not attrs.in_reals:
        raise Refusal(f"slope {attrs.alpha} of int16; accepted: 0 and more")
    return Lines([Line(-math.inf, attrs.alpha), Line(0, 1)])


def _abs_lines(_: UnaryAttrs, _low: float, _high: float) -> Lines:
    return Lines([Line(-math.inf, -1), Line(0, 1)])


def _neg_lines(_: UnaryAttrs, _low: float, _high: float) -> Lines:
    return Lines([Line(-math.inf, -1)])


def _plain(name: str, real: Callable[[Array], Array], table: Table, domain: Domain = everywhere) -> Op:
    """A function without parameters."""
    return lookup_op(name, Function(in_double(real), table, domain))


UNARY = (
    _plain("logistic", sigmoid, partial(_sigmoid_table, gemmlowp.logistic, 8, -128)),
    _plain("tanh", np.tanh, partial(_sigmoid_table, gemmlowp.tanh, 7, 0)),
    _clamp_op(Activation.RELU, truediv),
    _clamp_op(Activation.RELU6, _float32_quotient),
    _clamp_op(Activation.RELU_N1_TO_1, _float32_quotient),
    _clamp_op(Activation.RELU_0_TO_1, _float32_quotient),
    lookup_op(
        "leaky_relu",
        Function(
            lambda attrs, x: np.where(x >= 0, x, x * np.float32(attrs.alpha)),
            _leaky_relu_table,
            lines=_leaky_relu_lines,
        ),
        LeakyReluAttrs,
    ),
    _plain("hard_swish", lambda x: x * np.clip(x + 3, 0, 6) / 6, _hard_swish_table),
    lookup_op("elu", Function(_elu, _float_table(_elu_of_bytes)), EluAttrs),
    lookup_op("gelu", Function(_gelu, _float_table(_gelu)), GeluAttrs),
    _plain("exp", np.exp, _float_table(in_double(np.exp))),
    _plain("log", np.log, _float_table(in_double(_log)), from_zero),
    lookup_op("abs", Function(lambda _, x: np.abs(x), partial(_sign_table, np.abs), lines=_abs_lines)),
    lookup_op("neg", Function(lambda _, x: -x, partial(_sign_table, np.negative), lines=_neg_lines)),
    _plain("sqrt", np.sqrt, _sqrt_table, from_zero),
    _plain("rsqrt", lambda x: 1 / np.sqrt(x), _rsqrt_table, from_zero),
    *(
        lookup_op(name, Function(in_double(real), _float_table(in_double(real)), lines=lines))
        for name, (real, lines) in _ONLY_REAL.items()
    ),
    *REAL_UNARY,
    LEVELS,
)
"""The records, one per function."""
