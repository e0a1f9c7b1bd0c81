"""Functions of one value that are what they are on reals: those that ONNX has and TFLite has not.

In integers each is its real results for the values of the input, rounded to the steps of the output, whatever the two
scales and zero points. An integer for which there is no result counts as the nearest one that has one: a root below 0
is that of 0, an arc sine above 1 that of 1. In floats the result there is NaN, as in ONNX Runtime.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeq.ops.lines import Line, Lines
from edgeq.ops.lookup import Domain, Function, UnaryAttrs, lookup_op
from edgeq.ops.op import Array, Op


@dataclass(frozen=True)
class ClipAttrs(UnaryAttrs):
    """The lowest and the highest result; where they are in the wrong order, all results are `high`."""

    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class HardSigmoidAttrs(UnaryAttrs):
    """`alpha * x + beta`, kept within 0 .. 1."""

    alpha: float = 0.2
    beta: float = 0.5


@dataclass(frozen=True)
class SiluAttrs(UnaryAttrs):
    """`x` times the sigmoid of `alpha * x`."""

    alpha: float = 1.0


@dataclass(frozen=True)
class SeluAttrs(UnaryAttrs):
    """`gamma * x`, and `gamma * alpha * (exp(x) - 1)` below 0; the defaults, ONNX's, keep mean and variance."""

    alpha: float = 1.67326319217681884765625
    gamma: float = 1.05070102214813232421875


@dataclass(frozen=True)
class CeluAttrs(UnaryAttrs):
    """Below 0 `alpha * (exp(x / alpha) - 1)`, whose slope at 0 is 1."""

    alpha: float = 1.0


@dataclass(frozen=True)
class ThresholdedReluAttrs(UnaryAttrs):
    """0 up to `alpha`, `x` above."""

    alpha: float = 1.0


@dataclass(frozen=True)
class ShrinkAttrs(UnaryAttrs):
    """0 from `-lambd` to `lambd`; `bias` is subtracted above and added below."""

    bias: float = 0.0
    lambd: float = 0.5


@dataclass(frozen=True)
class PowerAttrs(UnaryAttrs):
    """The exponent. A base below 0 has a power where it is an integer."""

    exponent: float


def in_double(function: Callable[[Array], Array]) -> Callable[[Any, Array], Array]:
    """A function of reals, evaluated in double, rounded to float32; infinite or NaN where it has no value."""
    return with_attrs(lambda _, x: function(x))


def with_attrs(function: Callable[[Any, Array], Array]) -> Callable[[Any, Array], Array]:
    """The same for a function with parameters."""

    def real(attrs: Any, x: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(function(attrs, x.astype(np.float64)), np.float32)

    return real


def _within(low: float, high: float) -> Domain:
    return lambda _: (low, high)


from_zero = _within(0, math.inf)
"""The domain of roots and logarithms."""


def _power_domain(attrs: PowerAttrs) -> tuple[float, float]:
    return (-math.inf, math.inf) if attrs.exponent.is_integer() else (0, math.inf)


def sigmoid(x: Array) -> Array:
    """`1 / (1 + exp(-x))`."""
    return np.asarray(1 / (1 + np.exp(-x)))


def _softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def _erf(x: Array) -> Array:
    return np.array([math.erf(value) for value in x.reshape(-1).tolist()]).reshape(x.shape)


def _exponential_below(x: Array) -> Array:
    """`exp(x) - 1` where x is below 0, else 0."""
    return np.asarray(np.expm1(np.minimum(x, 0)))


def _power(attrs: PowerAttrs, x: Array) -> Array:
    return np.asarray(np.power(x, attrs.exponent))


def _celu(attrs: CeluAttrs, x: Array) -> Array:
    return np.maximum(x, 0) + np.minimum(attrs.alpha * np.expm1(x / attrs.alpha), 0)


def _selu(attrs: SeluAttrs, x: Array) -> Array:
    return np.asarray(attrs.gamma * (np.maximum(x, 0) + attrs.alpha * _exponential_below(x)))


def _shrink(attrs: ShrinkAttrs, x: Array) -> Array:
    return np.where(x < -attrs.lambd, x + attrs.bias, np.where(x > attrs.lambd, x - attrs.bias, 0))


_PLAIN: dict[str, Callable[[Array], Array]] = {
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "cosh": np.cosh,
    "erf": _erf,
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "reciprocal": np.reciprocal,
    "sinh": np.sinh,
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "tan": np.tan,
}
"""Functions without parameters that have a value everywhere; the reciprocal of 0 is infinite."""

_WITHIN: dict[str, tuple[Callable[[Array], Array], Domain]] = {
    "acos": (np.arccos, _within(-1, 1)),
    "acosh": (np.arccosh, _within(1, math.inf)),
    "asin": (np.arcsin, _within(-1, 1)),
    "atanh": (np.arctanh, _within(-1, 1)),
}
"""Those that have a value only within bounds."""


def _clip_lines(attrs: ClipAttrs, _low: float, _high: float) -> Lines:
    return Lines([Line(-math.inf, 1)], min(attrs.low, attrs.high), attrs.high)


def _hard_sigmoid_lines(attrs: HardSigmoidAttrs, _low: float, _high: float) -> Lines:
    return Lines([Line(-math.inf, attrs.alpha, attrs.beta)], 0, 1)


def _sign_lines(_: UnaryAttrs, _low: float, _high: float) -> Lines:
    return Lines([Line(-math.inf, 0, -1), Line(0, 0), Line(0, 0, 1, behind=True)])


def _thresholded_relu_lines(attrs: ThresholdedReluAttrs, _low: float, _high: float) -> Lines:
    return Lines([Line(-math.inf, 0), Line(attrs.alpha, 1, behind=True)])


def _shrink_lines(attrs: ShrinkAttrs, _low: float, _high: float) -> Lines:
    below, above = Line(-math.inf, 1, attrs.bias), Line(attrs.lambd, 1, -attrs.bias, behind=True)
    if attrs.lambd < 0:
        return Lines([below, Line(-attrs.lambd, 1, -attrs.bias)])
    return Lines([below, Line(-attrs.lambd, 0), above])


REAL_UNARY: tuple[Op, ...] = (
    *(lookup_op(name, Function(in_double(function))) for name, function in _PLAIN.items()),
    *(lookup_op(name, Function(in_double(real), domain=domain)) for name, (real, domain) in _WITHIN.items()),
    lookup_op("celu", Function(with_attrs(_celu)), CeluAttrs),
    lookup_op(
        "clip", Function(with_attrs(lambda attrs, x: np.clip(x, attrs.low, attrs.high)), lines=_clip_lines), ClipAttrs
    ),
    lookup_op(
        "hard_sigmoid",
        Function(with_attrs(lambda attrs, x: np.clip(attrs.alpha * x + attrs.beta, 0, 1)), lines=_hard_sigmoid_lines),
        HardSigmoidAttrs,
    ),
    lookup_op("power", Function(with_attrs(_power), domain=_power_domain), PowerAttrs),
    lookup_op("selu", Function(with_attrs(_selu)), SeluAttrs),
    lookup_op("shrink", Function(with_attrs(_shrink), lines=_shrink_lines), ShrinkAttrs),
    lookup_op("sign", Function(in_double(np.sign), lines=_sign_lines)),
    lookup_op("silu", Function(with_attrs(lambda attrs, x: x * sigmoid(attrs.alpha * x))), SiluAttrs),
    lookup_op(
        "thresholded_relu",
        Function(with_attrs(lambda attrs, x: np.where(x > attrs.alpha, x, 0)), lines=_thresholded_relu_lines),
        ThresholdedReluAttrs,
    ),
)
"""The records, one per function."""
