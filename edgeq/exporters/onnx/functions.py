"""Exporters of functions of one value, and of those of a row."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edgeq.errors import Refusal
from edgeq.exporters.onnx.context import Exporter, NodeContext
from edgeq.ops.activation import Activation

_PLAIN: Mapping[str, tuple[str, int]] = {
    "abs": ("Abs", 0),
    "acos": ("Acos", 0),
    "acosh": ("Acosh", 0),
    "asin": ("Asin", 0),
    "asinh": ("Asinh", 0),
    "atan": ("Atan", 0),
    "atanh": ("Atanh", 0),
    "ceil": ("Ceil", 0),
    "cos": ("Cos", 0),
    "cosh": ("Cosh", 0),
    "erf": ("Erf", 0),
    "exp": ("Exp", 0),
    "floor": ("Floor", 0),
    "hard_swish": ("HardSwish", 14),
    "log": ("Log", 0),
    "mish": ("Mish", 18),
    "neg": ("Neg", 0),
    "reciprocal": ("Reciprocal", 0),
    "round": ("Round", 0),
    "sign": ("Sign", 0),
    "sin": ("Sin", 0),
    "sinh": ("Sinh", 0),
    "softplus": ("Softplus", 0),
    "softsign": ("Softsign", 0),
    "sqrt": ("Sqrt", 0),
    "tan": ("Tan", 0),
    "tanh": ("Tanh", 0),
    "logistic": ("Sigmoid", 0),
}
"""Operators without parameters, and the opset since which there is one, if above the oldest that is written."""

_WITH_PARAMETERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "celu": ("Celu", ("alpha",)),
    "elu": ("Elu", ("alpha",)),
    "hard_sigmoid": ("HardSigmoid", ("alpha", "beta")),
    "leaky_relu": ("LeakyRelu", ("alpha",)),
    "selu": ("Selu", ("alpha", "gamma")),
    "shrink": ("Shrink", ("bias", "lambd")),
    "thresholded_relu": ("ThresholdedRelu", ("alpha",)),
}
"""Those whose attributes have the names that they have here."""


def _function(op_type: str, opset: int, parameters: tuple[str, ...] = ()) -> Exporter:
    def export(op: NodeContext) -> str:
        return op.result(op_type, [op.input(0)], opset, **{name: getattr(op.attrs, name) for name in parameters})

    return Exporter(export)


def _clamp(activation: Activation) -> Exporter:
    return Exporter(lambda op: op.clamp(op.input(0), *activation.bounds))


def _clip(op: NodeContext) -> str:
    return op.clamp(op.input(0), op.attrs.low, op.attrs.high)


def _power(exponent: Callable[[Any], float]) -> Exporter:
    def export(op: NodeContext) -> str:
        number = op.constant(np.array(exponent(op.attrs), np.float32), "exponent")
        return op.result("Pow", [op.input(0), number])

    return Exporter(export)


def _gelu(op: NodeContext) -> str:
    return op.result("Gelu", [op.input(0)], 20, approximate="tanh" if op.attrs.approximate else "none")


def _silu(op: NodeContext) -> str:
    """`x * sigmoid(alpha * x)`, as long as few runtimes have the operator that opset 24 brought."""
    x = scaled = op.input(0)
    if op.attrs.alpha != 1:
        scaled = op.emit("Mul", [x, op.constant(np.array(op.attrs.alpha, np.float32), "alpha")])
    return op.result("Mul", [x, op.emit("Sigmoid", [scaled])])


_ROUNDINGS = {"half_even": "Round", "floor": "Floor", "ceil": "Ceil"}


def _levels(op: NodeContext) -> str:
    """Clamped before it is rounded, which is the same as the bounds are integers."""
    attrs = op.attrs
    if attrs.rounding not in _ROUNDINGS:
        raise Refusal(f"levels rounded {attrs.rounding}; accepted: {', '.join(_ROUNDINGS)}")

    def number(value: float, what: str) -> str:
        return op.constant(np.array(value, np.float32), what)

    scaled = op.emit("Mul", [op.input(0), number(attrs.factor, "factor")])
    shifted = op.emit("Add", [scaled, number(attrs.offset, "offset")])
    clamped = op.emit("Clip", [shifted, number(attrs.low, "lowest"), number(attrs.high, "highest")])
    level = op.emit(_ROUNDINGS[attrs.rounding], [clamped])
    return op.result("Mul", [op.emit("Sub", [level, number(attrs.zero, "zero")]), number(attrs.step, "step")])


def _softmax(op: NodeContext) -> str:
    if op.attrs.beta != 1:
        raise Refusal(f"beta is {op.attrs.beta}; accepted: 1")
    return op.result("Softmax", [op.input(0)], axis=-1)


EXPORTERS: Mapping[str, Exporter] = {
    **{name: _function(*row) for name, row in _PLAIN.items()},
    **{name: _function(op_type, 0, parameters) for name, (op_type, parameters) in _WITH_PARAMETERS.items()},
    **{a.value: _clamp(a) for a in Activation if a is not Activation.NONE},
    "clip": Exporter(_clip),
    "gelu": Exporter(_gelu),
    "l2_normalize": Exporter(lambda op: op.result("LpNormalization", [op.input(0)], axis=-1, p=2)),
    "levels": Exporter(_levels),
    "log_softmax": Exporter(lambda op: op.result("LogSoftmax", [op.input(0)], axis=-1)),
    "power": _power(lambda attrs: attrs.exponent),
    "rsqrt": _power(lambda _: -0.5),
    "silu": Exporter(_silu),
    "softmax": Exporter(_softmax),
    "square": _power(lambda _: 2.0),
}
