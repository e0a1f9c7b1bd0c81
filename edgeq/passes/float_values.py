"""What passes on floats ask of a graph: which operand is a constant, which number, which numbers per channel."""

from dataclasses import dataclass

import numpy as np

from edgeq.ir import DType, Graph, Node, Shape
from edgeq.ir.graph import Array
from edgeq.ops.activation import Activation
from edgeq.ops.unary_real import ClipAttrs

Bounds = tuple[float, float]


def real_constant(graph: Graph, value: str) -> Array | None:
    """The content of a constant of floats; None for other values."""
    return graph.constants[value] if value in graph.constants and graph.types[value].dtype is DType.F32 else None


def number(graph: Graph, value: str) -> float | None:
    """The number that all elements of a constant are; None where there is none."""
    array = real_constant(graph, value)
    if array is None or not array.size or not np.all(array == array.flat[0]):
        return None
    return float(array.flat[0])


@dataclass(frozen=True)
class WithConstant:
    """A node with two operands, one of which is a constant of floats.

    Attributes:
        value: the other operand.
        constant: the name of the constant.
        array: its content.
        first: whether the constant is the first operand.
    """

    value: str
    constant: str
    array: Array
    first: bool


def with_constant(graph: Graph, node: Node, *ops: str) -> WithConstant | None:
    """The operands of a node of one of `ops` that has a constant and whose shape is that of the other operand."""
    if node.op not in ops:
        return None
    for value, constant in (node.inputs, node.inputs[::-1]):
        array = real_constant(graph, constant)
        if array is not None and value not in graph.constants:
            same = graph.types[value].shape == graph.types[node.outputs[0]].shape
            return WithConstant(value, constant, array, first=constant == node.inputs[0]) if same else None
    return None


def per_channel(array: Array, shape: Shape) -> Array | None:
    """A number per channel of a value of this shape, whose channels are last; None where other dimensions matter."""
    if not shape or array.ndim > len(shape) or any(n != 1 for n in array.shape[:-1]):
        return None
    return np.broadcast_to(array.reshape(-1), shape[-1:])


_BOUNDS: dict[str, Bounds] = {a.value: a.bounds for a in Activation if a is not Activation.NONE}


def clamp_bounds(graph: Graph, node: Node) -> tuple[str, Bounds] | None:
    """What a node clamps, and between which bounds; None where it is no clamp."""
    if node.op in _BOUNDS:
        return node.inputs[0], _BOUNDS[node.op]
    if isinstance(node.attrs, ClipAttrs):
        return node.inputs[0], (node.attrs.low, node.attrs.high)
    found = with_constant(graph, node, "maximum", "minimum")
    bound = number(graph, found.constant) if found else None
    if found is None or bound is None or np.isnan(bound):
        return None
    return found.value, ((bound, np.inf) if node.op == "maximum" else (-np.inf, bound))


def activation_of(bounds: Bounds) -> Activation | None:
    """The activation with these bounds, if there is one."""
    return next((a for a in Activation if a.bounds == bounds), None)
