"""Converters for operators that compute element by element: arithmetic of two operands, functions of one."""

import math
from typing import Any

import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.builder import Converter, OpContext
from edgeq.ops.binary import BinaryAttrs
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.unary import GeluAttrs, LeakyReluAttrs


def _arithmetic(name: str, options_class: type[Any]) -> Converter:
    """Two operands and a fused activation."""

    def convert(op: OpContext) -> None:
        options = op.options(options_class)
        op.emit(name, op.inputs(), ArithmeticAttrs(op.activation(options.FusedActivationFunction())))

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


_SAME = "operands and output share scale and zero point"

CONVERTERS = {
    "ABS": _plain("abs", UnaryAttrs()),
    "ADD": _arithmetic("add", tflite.AddOptions),
    "CEIL": _plain("ceil", UnaryAttrs()),
    "COS": _plain("cos", UnaryAttrs()),
    "ELU": _plain("elu", UnaryAttrs()),
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
