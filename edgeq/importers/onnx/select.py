"""Converters for comparisons at run time, and for the choices that depend on them.

A comparison stands for no value of the graph: integers have no truth values. `Where` makes of it

    where(x > c, x, x * slope)      prelu
    where(x > c, x, softplus(x))    softplus, where c is so large that both are the same
    where(x > y, a, b)              b + gate * (a - b), the gate being 1 where x is larger, else 0
"""

from dataclasses import dataclass

import numpy as np

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import Converter, OpContext, Symbol
from edgeq.importers.onnx.elementwise import require_floats
from edgeq.ops.binary import BinaryAttrs
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.lookup import UnaryAttrs

_ARITHMETIC = ArithmeticAttrs()
_UNARY = UnaryAttrs()

_LINEAR_FROM = 15.0
"""Beyond, `softplus(x)` and `x` are the same in float32."""


@dataclass(frozen=True)
class _Comparison(Symbol):
    """Where a value of the graph is larger than another one, or at least equal; `result` is the ONNX name."""

    result: str
    larger: str
    smaller: str
    or_equal: bool

    def convert(self, op: OpContext) -> bool:
        """A `Where` that this decides."""
        if op.node.op_type != "Where" or op.node.input[0] != self.result:
            return False
        op.output(self._softplus(op) or self._prelu(op) or self._selected(op))
        return True

    def value(self) -> str:
        """None."""
        raise Refusal(f"{self.result!r} compares at run time; accepted: where a Where depends on it")

    def _softplus(self, op: OpContext) -> str:
        """The node's result where it is a softplus; "" otherwise."""
        node = op.builder.producer(op.required(2))
        bound = op.builder.constants.get(self.smaller)
        found = node is not None and node.op == "softplus" and node.inputs[0] == self.larger == op.required(1)
        return op.required(2) if found and bound is not None and (bound >= _LINEAR_FROM).all() else ""

    def _prelu(self, op: OpContext) -> str:
        """The node's result where it is a PReLU, written with `x > 0` or `0 > x`; "" otherwise."""
        for x, zero, kept, scaled in (
            (self.larger, self.smaller, op.required(1), op.required(2)),
            (self.smaller, self.larger, op.required(2), op.required(1)),
        ):
            node, bound = op.builder.producer(scaled), op.builder.constants.get(zero)
            if x != kept or bound is None or bound.any() or node is None or node.op != "mul" or x not in node.inputs:
                continue
            slope = node.inputs[1] if node.inputs[0] == x else node.inputs[0]
            if op.type_of(scaled).shape == op.type_of(x).shape:
                return op.emit("prelu", [x, slope], BinaryAttrs())
        return ""

    def _selected(self, op: OpContext) -> str:
        operands = [self.smaller, self.larger] if self.or_equal else [self.larger, self.smaller]
        signs = op.emit("sign", [op.emit("sub", operands, _ARITHMETIC)], _UNARY)
        gate = op.emit("relu", [signs], _UNARY)
        chosen = (2, 1) if self.or_equal else (1, 2)
        return _blended(op, gate, *(op.required(i) for i in chosen))


def _blended(op: OpContext, gate: str, when_one: str, when_zero: str) -> str:
    difference = op.emit("sub", [when_one, when_zero], _ARITHMETIC)
    return op.emit("add", [when_zero, op.emit("mul", [difference, gate], _ARITHMETIC)], _ARITHMETIC)


def _comparison(*, swapped: bool, or_equal: bool) -> Converter:
    def convert(op: OpContext) -> None:
        require_floats(op)
        first, second = op.required(0), op.required(1)
        larger, smaller = (second, first) if swapped else (first, second)
        op.builder.bind_symbol(op.node.output[0], _Comparison(op.node.output[0], larger, smaller, or_equal))

    return Converter(convert, ("sub", "sign", "relu"), "for a Where only")


def _where(op: OpContext) -> None:
    """By a constant condition."""
    condition = op.constant(0, "the condition")
    if condition.dtype != np.bool_:
        raise Refusal(f"a condition of {condition.dtype}; accepted: truth values")
    for position in (1, 2):
        if not op.type(position).dtype.is_float:
            raise Refusal(f"selects from integers, {op.type(position)}; accepted: floats")
    gate = op.add_constant(condition.astype(np.float32), "gate")
    op.output(_blended(op, gate, op.input(1), op.input(2)))


CONVERTERS = {
    "Greater": _comparison(swapped=False, or_equal=False),
    "GreaterOrEqual": _comparison(swapped=False, or_equal=True),
    "Less": _comparison(swapped=True, or_equal=False),
    "LessOrEqual": _comparison(swapped=True, or_equal=True),
    "Where": Converter(_where, ("sub", "mul", "add", "prelu"), "a constant condition, or a comparison of floats"),
}
