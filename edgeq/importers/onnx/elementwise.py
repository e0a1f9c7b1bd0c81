"""Converters for arithmetic on several values, element by element."""

import math
from typing import Any

import numpy as np

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import Converter, OpContext
from edgeq.ir.graph import Array
from edgeq.ops.binary import BinaryAttrs
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.unary_real import PowerAttrs


def _binary(ir_op: str) -> Converter:
    """Two operands, either broadcast."""

    def convert(op: OpContext) -> None:
        op.output(op.emit(ir_op, [op.required(0), op.required(1)], ArithmeticAttrs()))

    return Converter(convert, (ir_op,))


def _variadic(ir_op: str, attrs: Any) -> Converter:
    """One operand after the other."""
    return Converter(lambda op: op.output(_chained(op, ir_op, attrs)), (ir_op,))


def _chained(op: OpContext, ir_op: str, attrs: Any) -> str:
    if not op.arity:
        raise Refusal("no operands; accepted: one and more")
    result = op.required(0)
    for position in range(1, op.arity):
        result = op.emit(ir_op, [result, op.required(position)], attrs)
    return result


def require_floats(op: OpContext) -> None:
    """Refuse integers that are computed at run time, whose arithmetic is another one."""
    for position in range(op.arity):
        if op.has(position) and not op.is_constant(position) and not op.type(position).dtype.is_float:
            raise Refusal(f"computes on integers, {op.type(position)}; accepted: floats")


def _mean(op: OpContext) -> None:
    total = _chained(op, "add", ArithmeticAttrs())
    share = op.add_constant(np.array(1 / op.arity, np.float32), "share")
    op.output(total if op.arity == 1 else op.emit("mul", [total, share], ArithmeticAttrs()))


def _div(op: OpContext) -> None:
    """A product with the reciprocal, which of a constant is a constant."""
    require_floats(op)
    x, divisor = op.required(0), op.required(1)
    if divisor in op.builder.constants:
        array = op.builder.constants[divisor]
        if not array.all():
            raise Refusal("divides by a constant 0; accepted: other numbers")
        inverse = op.add_constant(_inverse(array), "inverse")
    else:
        inverse = _run_time_inverse(op, divisor)
    op.output(op.emit("mul", [x, inverse], ArithmeticAttrs()))


def _run_time_inverse(op: OpContext, divisor: str) -> str:
    """The reciprocal; of a root, as layer normalizations have it, it is one function."""
    node = op.builder.producer(divisor)
    if node is not None and node.op == "sqrt":
        return op.emit("rsqrt", node.inputs, UnaryAttrs())
    return op.emit("reciprocal", [divisor], UnaryAttrs())


def _inverse(array: Array) -> Array:
    with np.errstate(over="ignore"):
        inverse = (1 / array.astype(np.float64)).astype(np.float32)
    if not np.isfinite(inverse).all():
        raise Refusal("divides by a constant whose reciprocal is no float32; accepted: larger numbers")
    return inverse


_POWERS: dict[float, str] = {-1.0: "reciprocal", -0.5: "rsqrt", 0.5: "sqrt", 2.0: "square"}
"""Exponents that have an op of their own."""


def _pow(op: OpContext) -> None:
    """A constant exponent, one for all, or a constant base."""
    require_floats(op)
    exponent = _only_number(op, 1)
    if exponent is None:
        _exponential(op)
    elif exponent == 1:
        op.output(_broadcast_like(op, op.required(0), op.shape(1)))
    else:
        x = _broadcast_like(op, op.required(0), op.shape(1))
        name = _POWERS.get(exponent, "power")
        op.output(op.emit(name, [x], PowerAttrs(exponent) if name == "power" else UnaryAttrs()))


def _broadcast_like(op: OpContext, x: str, shape: tuple[int, ...]) -> str:
    """The value, unless an operand that is the same everywhere has the larger shape."""
    own = op.type_of(x).shape
    if len(shape) > len(own) or any(n not in (1, m) for n, m in zip(reversed(shape), reversed(own), strict=False)):
        raise Refusal(f"exponents of shape {list(shape)} for {op.type_of(x)}; accepted: what can be broadcast to it")
    return x


def _exponential(op: OpContext) -> None:
    """`b ** x` is `exp(x * log(b))`."""
    base = _only_number(op, 0)
    if base is None or not 0 < base < math.inf or math.prod(op.shape(0)) != 1:
        raise Refusal("exponents that are computed at run time, or differ; accepted: a constant exponent, one for all")
    logarithm = op.add_constant(np.full(op.shape(0), math.log(base), np.float32), "log")
    scaled = op.emit("mul", [op.required(1), logarithm], ArithmeticAttrs())
    op.output(op.emit("exp", [scaled], UnaryAttrs()))


def _only_number(op: OpContext, position: int) -> float | None:
    """The number that a constant input is everywhere; None where it is none, or several."""
    if not op.is_constant(position):
        return None
    array = op.constant(position, "the exponent")
    if array.dtype.kind not in "iuf" or not array.size or (array != array.flat[0]).any():
        return None
    return float(array.flat[0])


CONVERTERS = {
    "Add": _binary("add"),
    "Div": Converter(_div, ("mul", "reciprocal", "rsqrt")),
    "Max": _variadic("maximum", BinaryAttrs()),
    "Mean": Converter(_mean, ("add", "mul")),
    "Min": _variadic("minimum", BinaryAttrs()),
    "Mul": _binary("mul"),
    "Pow": Converter(
        _pow, ("power", "square", "sqrt", "rsqrt", "reciprocal", "mul", "exp"), "a constant exponent or base"
    ),
    "Sub": _binary("sub"),
    "Sum": _variadic("add", ArithmeticAttrs()),
}
