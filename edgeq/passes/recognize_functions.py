"""Makes one op of a function that a file writes out in several.

    x * sigmoid(x)                                         silu
    x * clip(x + 3, 0, 6) / 6                              hard_swish
    x * tanh(softplus(x))                                  mish
    0.5 * x * (1 + erf(x / sqrt(2)))                       gelu
    0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3)))    gelu, approximate

A product may be written in any order: it is taken apart into a number and its other factors.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgeq.ir import Graph, Node
from edgeq.ir.rewrite import apply_rule, drop_dead, replace_node, single_user
from edgeq.ops.activation import Activation
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.unary import GeluAttrs
from edgeq.ops.unary_real import HardSigmoidAttrs, PowerAttrs, SiluAttrs
from edgeq.passes.float_values import clamp_bounds, number

_LIKE = 1e-5
"""Numbers that differ by no more, relatively, are meant to be the same: files have them in float32 and in decimals."""


def recognize_functions(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph with functions that have an op of their own as that op, and a sentence for each."""
    return apply_rule(graph, _recognize)


def _recognize(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    if node.op != "mul" or node.attrs.activation is not Activation.NONE:
        return None
    product = _product(graph, node.outputs[0], outermost=True)
    if len(product.factors) != 2 or graph.types[product.factors[0]] != graph.types[product.factors[1]]:
        return None
    for x, gate in (product.factors, product.factors[::-1]):
        found = next((f for f in (form(graph, x, gate, product.number) for form in _FORMS) if f), None)
        if found is not None:
            function = replace(node, op=found[0], inputs=(x,), attrs=found[1])
            return drop_dead(replace_node(graph, node, function))[0], f"{node.label} and those before it are {found[0]}"
    return None


@dataclass(frozen=True)
class _Product:
    """A number times some values."""

    number: float
    factors: tuple[str, ...]


def _product(graph: Graph, value: str, *, outermost: bool = False) -> _Product:
    """A value as a product, as far as nothing else reads what is between."""
    constant = number(graph, value)
    if constant is not None:
        return _Product(constant, ())
    node = graph.producers.get(value)
    alone = outermost or single_user(graph, value) is not None
    if node is None or not alone:
        return _Product(1.0, (value,))
    if node.op == "mul" and node.attrs == ArithmeticAttrs():
        left, right = (_product(graph, v) for v in node.inputs)
        return _Product(left.number * right.number, left.factors + right.factors)
    if node.op == "square":
        return _Product(1.0, node.inputs * 2)
    if isinstance(node.attrs, PowerAttrs) and node.attrs.exponent in (2, 3):
        return _Product(1.0, node.inputs * int(node.attrs.exponent))
    return _Product(1.0, (value,))


def _is(value: float | None, wanted: float) -> bool:
    return value is not None and math.isclose(value, wanted, rel_tol=_LIKE)


def _plus(graph: Graph, value: str, addend: float, activation: Activation = Activation.NONE) -> str | None:
    """The other operand of a sum with this number, and with this clamp."""
    node = graph.producers.get(value)
    if node is None or node.op != "add" or node.attrs.activation is not activation:
        return None
    for other, constant in (node.inputs, node.inputs[::-1]):
        if _is(number(graph, constant), addend):
            return other
    return None


def _argument(graph: Graph, value: str, op: str) -> str | None:
    """What a function is of, if the value is one of it."""
    node = graph.producers.get(value)
    return node.inputs[0] if node is not None and node.op == op else None


def _times(graph: Graph, value: str | None, x: str) -> float | None:
    """The number that `x` is multiplied with to become the value."""
    if value == x:
        return 1.0
    product = _product(graph, value) if value else None
    return product.number if product and product.factors == (x,) else None


_Found = tuple[str, Any]
"""Op and attributes."""


def _silu(graph: Graph, x: str, gate: str, factor: float) -> _Found | None:
    alpha = _times(graph, _argument(graph, gate, "logistic"), x)
    return ("silu", SiluAttrs(alpha)) if alpha is not None and factor == 1 else None


def _hard_swish(graph: Graph, x: str, gate: str, factor: float) -> _Found | None:
    node = graph.producers.get(gate)
    if node is None:
        return None
    if isinstance(node.attrs, HardSigmoidAttrs):
        sigmoid = _is(node.attrs.alpha, 1 / 6) and _is(node.attrs.beta, 0.5) and factor == 1
        return ("hard_swish", UnaryAttrs()) if sigmoid and node.inputs[0] == x else None
    bounds = clamp_bounds(graph, node)
    clamped = _plus(graph, bounds[0], 3.0) if bounds and bounds[1] == (0, 6) else None
    fused = _plus(graph, gate, 3.0, Activation.RELU6)
    return ("hard_swish", UnaryAttrs()) if x in (clamped, fused) and _is(factor, 1 / 6) else None


def _mish(graph: Graph, x: str, gate: str, factor: float) -> _Found | None:
    softplus = _argument(graph, gate, "tanh")
    inner = _argument(graph, softplus, "softplus") if softplus else None
    return ("mish", UnaryAttrs()) if inner == x and factor == 1 else None


def _gelu(graph: Graph, x: str, gate: str, factor: float) -> _Found | None:
    inner = _plus(graph, gate, 1.0) if _is(factor, 0.5) else None
    if inner is None:
        return None
    if _is(_times(graph, _argument(graph, inner, "erf"), x), math.sqrt(0.5)):
        return "gelu", GeluAttrs()
    product = _product(graph, _argument(graph, inner, "tanh") or "")
    if len(product.factors) == 1 and _is(product.number, math.sqrt(2 / math.pi)):
        return ("gelu", GeluAttrs(approximate=True)) if _is_cubic(graph, x, product.factors[0]) else None
    return None


def _is_cubic(graph: Graph, x: str, value: str) -> bool:
    """Whether a value is `x + 0.044715 * x ** 3`."""
    node = graph.producers.get(value)
    if node is None or node.op != "add" or x not in node.inputs or node.attrs.activation is not Activation.NONE:
        return False
    cube = _product(graph, node.inputs[1 - node.inputs.index(x)])
    return cube.factors == (x, x, x) and _is(cube.number, 0.044715)


_FORMS: tuple[Callable[[Graph, str, str, float], _Found | None], ...] = (_silu, _hard_swish, _mish, _gelu)
"""Graph, `x`, what it is multiplied with, and the number before them, to the op that does it all."""
