"""Converters for functions of one value, `Softmax` and `LogSoftmax`."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edgeq.errors import Refusal
from edgeq.importers.onnx.axes import normalize_axis
from edgeq.importers.onnx.builder import Converter, OpContext
from edgeq.importers.onnx.elementwise import require_floats
from edgeq.importers.onnx.layout import axis_back, axis_last
from edgeq.importers.onnx.weights import floats
from edgeq.ops.binary import BinaryAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.softmax import LogSoftmaxAttrs, SoftmaxAttrs
from edgeq.ops.unary import EluAttrs, GeluAttrs, LeakyReluAttrs
from edgeq.ops.unary_real import (
    CeluAttrs,
    ClipAttrs,
    HardSigmoidAttrs,
    SeluAttrs,
    ShrinkAttrs,
    SiluAttrs,
    ThresholdedReluAttrs,
)


def _unary(ir_op: str, attrs: Callable[[OpContext], Any] = lambda _: UnaryAttrs()) -> Converter:
    """A function of one value; `attrs` reads the node's attributes."""

    def convert(op: OpContext) -> None:
        op.output(op.emit(ir_op, [op.required(0)], attrs(op)))

    return Converter(convert, (ir_op,))


def _float(op: OpContext, name: str, default: float) -> float:
    """A float attribute that has to be a finite number."""
    value = op.float_attr(name, default)
    if not math.isfinite(value):
        raise Refusal(f"{name} is {value}; accepted: finite numbers")
    return value


def _floats(attrs: Callable[..., Any], **defaults: float) -> Callable[[OpContext], Any]:
    """Attributes of the IR that have the names, and the meaning, of the node's."""
    return lambda op: attrs(**{name: _float(op, name, default) for name, default in defaults.items()})


def _celu_attrs(op: OpContext) -> CeluAttrs:
    alpha = _float(op, "alpha", 1.0)
    if alpha == 0:
        raise Refusal("alpha is 0; accepted: other numbers")
    return CeluAttrs(alpha)


def _gelu_attrs(op: OpContext) -> GeluAttrs:
    approximate = op.string_attr("approximate", "none")
    if approximate not in ("none", "tanh"):
        raise Refusal(f"approximate is {approximate!r}; accepted: none, tanh")
    return GeluAttrs(approximate == "tanh")


_CLAMPS = {
    (0.0, math.inf): "relu",
    (0.0, 6.0): "relu6",
    (-1.0, 1.0): "relu_n1_to_1",
    (0.0, 1.0): "relu_0_to_1",
}
"""Clips that the activation of another op can be."""


def _clip(op: OpContext) -> None:
    """The bounds are attributes below opset 11, inputs above."""
    x = op.required(0)
    require_floats(op)
    bounds = (-math.inf, math.inf)
    if op.version < 11:
        bounds = op.float_attr("min", bounds[0]), op.float_attr("max", bounds[1])
    else:
        bounds = _bound(op, 1, "the lower bound", bounds[0]), _bound(op, 2, "the upper bound", bounds[1])
    low, high = (b if abs(b) < float(np.finfo(np.float32).max) else math.copysign(math.inf, b) for b in bounds)
    if math.isnan(low) or math.isnan(high):
        raise Refusal(f"clips to {low} .. {high}; accepted: numbers")
    if (low, high) in _CLAMPS:
        op.output(op.emit(_CLAMPS[low, high], [x], UnaryAttrs()))
    elif (low, high) == (-math.inf, math.inf):
        op.output(x)
    else:
        op.output(op.emit("clip", [x], ClipAttrs(low, high)))


def _bound(op: OpContext, position: int, what: str, default: float) -> float:
    """A constant of one number, also one that is dequantized."""
    if not op.has(position):
        return default
    if op.is_constant(position):
        return op.scalar(position, what)
    array = floats(op, op.input(position), what)
    if array.size != 1:
        raise Refusal(f"{what} has {array.size} elements; accepted: one")
    return float(array.reshape(()))


def _prelu(op: OpContext) -> None:
    """The slope is broadcast to the input, never the other way."""
    x, slope = op.required(0), op.required(1)
    shape = op.type_of(x).shape
    if np.broadcast_shapes(shape, shape) != _broadcast(shape, op.type_of(slope).shape):
        raise Refusal(f"slopes {op.type_of(slope)} for input {op.type_of(x)}; accepted: what can be broadcast to it")
    op.output(op.emit("prelu", [x, slope], BinaryAttrs()))


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return ()


def _softmax(ir_op: str, attrs: SoftmaxAttrs | LogSoftmaxAttrs) -> Converter:
    """Along one axis; below opset 13 along all from that axis on."""

    def convert(op: OpContext) -> None:
        x = op.required(0)
        shape = op.type_of(x).shape
        if not shape:
            raise Refusal("a softmax of a scalar; accepted: rank 1 and more")
        axis = normalize_axis(op.int_attr("axis", -1 if op.version >= 13 else 1), len(shape))
        if op.version >= 13:
            op.output(axis_back(op, op.emit(ir_op, [axis_last(op, x, axis)], attrs), axis))
            return
        rows = op.reshape(x, (*shape[:axis], math.prod(shape[axis:])))
        op.output(op.reshape(op.emit(ir_op, [rows], attrs), shape))

    return Converter(convert, (ir_op, "transpose", "reshape"))


CONVERTERS = {
    **{
        name: _unary(ir_op)
        for name, ir_op in {
            "Abs": "abs",
            "Acos": "acos",
            "Acosh": "acosh",
            "Asin": "asin",
            "Asinh": "asinh",
            "Atan": "atan",
            "Atanh": "atanh",
            "Ceil": "ceil",
            "Cos": "cos",
            "Cosh": "cosh",
            "Erf": "erf",
            "Exp": "exp",
            "Floor": "floor",
            "HardSwish": "hard_swish",
            "Log": "log",
            "Mish": "mish",
            "Neg": "neg",
            "Reciprocal": "reciprocal",
            "Relu": "relu",
            "Round": "round",
            "Sigmoid": "logistic",
            "Sign": "sign",
            "Sin": "sin",
            "Sinh": "sinh",
            "Softplus": "softplus",
            "Softsign": "softsign",
            "Sqrt": "sqrt",
            "Tan": "tan",
            "Tanh": "tanh",
        }.items()
    },
    "Celu": _unary("celu", _celu_attrs),
    "Clip": Converter(_clip, ("clip", "relu", "relu6", "relu_n1_to_1", "relu_0_to_1"), "constant bounds"),
    "Elu": _unary("elu", _floats(EluAttrs, alpha=1.0)),
    "Gelu": _unary("gelu", _gelu_attrs),
    "HardSigmoid": _unary("hard_sigmoid", _floats(HardSigmoidAttrs, alpha=0.2, beta=0.5)),
    "LeakyRelu": _unary("leaky_relu", _floats(LeakyReluAttrs, alpha=0.01)),
    "LogSoftmax": _softmax("log_softmax", LogSoftmaxAttrs()),
    "PRelu": Converter(_prelu, ("prelu",)),
    "Selu": _unary("selu", _floats(SeluAttrs, alpha=SeluAttrs().alpha, gamma=SeluAttrs().gamma)),
    "Shrink": _unary("shrink", _floats(ShrinkAttrs, bias=0.0, lambd=0.5)),
    "Softmax": _softmax("softmax", SoftmaxAttrs()),
    "Swish": _unary("silu", _floats(SiluAttrs, alpha=1.0)),
    "ThresholdedRelu": _unary("thresholded_relu", _floats(ThresholdedReluAttrs, alpha=1.0)),
}
