"""Converters for operators that compute element by element: arithmetic of two operands, functions of one."""

import math
from typing import Any

import numpy as np
import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.ops.binary import BinaryAttrs, common_shape
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.ops.unary import EluAttrs, GeluAttrs, LeakyReluAttrs
from edgeq.ops.unary_real import PowerAttrs

_POWERS = {-1.0: "reciprocal", -0.5: "rsqrt", 0.5: "sqrt", 2.0: "square"}
"""Exponents that are ops of their own."""


def _arithmetic(name: str, options_class: type[Any]) -> Converter:
    """Two operands and a fused activation."""

    def convert(op: OpContext) -> None:
        options = op.options(options_class)
        op.emit_fused(name, op.inputs(), ArithmeticAttrs(), options.FusedActivationFunction())

    return Converter(convert, (name,))


def _plain(name: str, attrs: Any, note: str = "") -> Converter:
    """An operator without options."""
    return Converter(lambda op: _emit(op, name, attrs), (name,), note)


def _emit(op: OpContext, name: str, attrs: Any) -> None:
    op.emit(name, op.inputs(), attrs)


def _leaky_relu(op: OpContext) -> None:
    alpha = float(op.options(tflite.LeakyReluOptions).Alpha())
    if not math.isfinite(alpha):
        raise Refusal(f"slope {alpha}; accepted: finite numbers")
    op.emit("leaky_relu", op.inputs(), LeakyReluAttrs(alpha))


def _gelu(op: OpContext) -> None:
    op.emit("gelu", op.inputs(), GeluAttrs(bool(op.options(tflite.GeluOptions).Approximate())))


def _div(op: OpContext) -> None:
    """A product with the reciprocal, which is computed here where it is of a constant."""
    _require_operands(op)
    reciprocal = op.emit_hidden("reciprocal", [op.input(1)], UnaryAttrs(), op.type(1))
    fused = op.options(tflite.DivOptions).FusedActivationFunction()
    op.emit_fused("mul", [op.input(0), reciprocal], ArithmeticAttrs(), fused)


def _pow(op: OpContext) -> None:
    """Of one constant exponent, of which some are ops of their own."""
    _require_operands(op)
    exponents = op.constant(1, "the exponent")
    if (
        exponents.size == 0
        or np.unique(exponents).size > 1
        or common_shape(op.type(0).shape, exponents.shape) != op.type(0).shape
    ):
        raise Refusal(f"exponents of shape {list(exponents.shape)}; accepted: one number")
    exponent = float(exponents.reshape(-1)[0])
    if exponent in _POWERS:
        op.emit(_POWERS[exponent], [op.input(0)], UnaryAttrs())
    else:
        op.emit("power", [op.input(0)], PowerAttrs(exponent))


def _add_n(op: OpContext) -> None:
    """One sum after the other, as they stand."""
    op.require_floats()
    first, *others = op.inputs() or ("",)
    for value in others[:-1]:
        first = op.emit_hidden("add", [first, value], ArithmeticAttrs(), op.output_type())
    if others:
        op.emit("add", [first, others[-1]], ArithmeticAttrs())
    else:
        _emit_same(op)


def _cast(op: OpContext) -> None:
    """At run time to the type that is there; constants are cast when they are folded."""
    op.require_floats()
    _emit_same(op)


def _emit_same(op: OpContext) -> None:
    op.emit("reshape", [op.input(0)], ReshapeAttrs(op.type(0).shape))


def _require_operands(op: OpContext) -> None:
    if op.arity != 2:
        raise Refusal(f"{op.arity} operands; accepted: 2")
    op.require_floats()


_SAME = "operands and output share scale and zero point"

CONVERTERS = {
    "ABS": _plain("abs", UnaryAttrs()),
    "ADD_N": Converter(_add_n, ("add", "reshape"), floats_only=True),
    "ADD": _arithmetic("add", tflite.AddOptions),
    "CAST": Converter(_cast, ("reshape",), "of constants to any type", floats_only=True),
    "CEIL": _plain("ceil", UnaryAttrs()),
    "COS": _plain("cos", UnaryAttrs()),
    "DIV": Converter(_div, ("reciprocal", "mul"), floats_only=True),
    "ELU": _plain("elu", EluAttrs()),
    "EXP": _plain("exp", UnaryAttrs()),
    "FLOOR": _plain("floor", UnaryAttrs()),
    "GELU": Converter(_gelu, ("gelu",)),
    "HARD_SWISH": _plain("hard_swish", UnaryAttrs()),
    "LEAKY_RELU": Converter(_leaky_relu, ("leaky_relu",)),
    "LOG": _plain("log", UnaryAttrs(), "inputs of 0 and less give the lowest output"),
    "LOGISTIC": _plain("logistic", UnaryAttrs(), "output scale 1/256, zero point -128"),
    "MAXIMUM": _plain("maximum", BinaryAttrs(), _SAME),
    "MINIMUM": _plain("minimum", BinaryAttrs(), _SAME),
    "MUL": _arithmetic("mul", tflite.MulOptions),
    "NEG": _plain("neg", UnaryAttrs(), "respects scales and zero points, which LiteRT's kernel does not"),
    "POW": Converter(_pow, ("power", *_POWERS.values()), "one constant exponent", floats_only=True),
    "PRELU": _plain("prelu", BinaryAttrs()),
    "RELU": _plain("relu", UnaryAttrs()),
    "RELU6": _plain("relu6", UnaryAttrs(), "respects the output's scale and zero point, which TFLM's kernel does not"),
    "RELU_0_TO_1": _plain("relu_0_to_1", UnaryAttrs()),
    "RELU_N1_TO_1": _plain("relu_n1_to_1", UnaryAttrs()),
    "ROUND": _plain("round", UnaryAttrs(), "halves to even"),
    "RSQRT": _plain("rsqrt", UnaryAttrs(), "inputs of 0 and less give the highest output"),
    "SIN": _plain("sin", UnaryAttrs()),
    "SQRT": _plain("sqrt", UnaryAttrs(), "inputs below 0 count as 0; cut off, not rounded, as in LiteRT"),
    "SQUARE": _plain("square", UnaryAttrs()),
    "SQUARED_DIFFERENCE": _plain("squared_difference", BinaryAttrs()),
    "SUB": _arithmetic("sub", tflite.SubOptions),
    "TANH": _plain("tanh", UnaryAttrs(), "output scale 1/128, zero point 0"),
}
