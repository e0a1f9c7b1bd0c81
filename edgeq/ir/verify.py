"""What every graph must satisfy, checked after import and after each pass. A violation is edgeq's own bug."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from edgeq.errors import EdgeqError
from edgeq.ir.graph import Graph, Node
from edgeq.ir.tensor import DType, Shape, TensorType


class OpRules(Protocol):
    """The part of `edgeq.ops.Op` that a graph is checked against."""

    @property
    def attrs(self) -> type:
        """Class of the node's attributes."""

    @property
    def infer(self) -> Callable[[Any, Sequence[TensorType | None]], tuple[Shape, ...]]:
        """Output shapes from attributes and input types."""


def verify(graph: Graph, ops: Mapping[str, OpRules]) -> None:
    """Check names, order, types, constants and inferred shapes.

    Raises:
        AssertionError: naming the first value or node that breaks a rule.
    """
    defined = set(graph.inputs)
    _require(len(defined) == len(graph.inputs), graph.name, "an input is listed twice")
    for name in graph.inputs:
        _require(name in graph.types, name, "input has no type")
        _require(name not in graph.constants, name, "input is a constant too")
    for name, array in graph.constants.items():
        type_ = graph.types.get(name)
        _require(type_ is not None, name, "constant has no type")
        assert type_ is not None
        _require(array.shape == type_.shape, name, f"constant of shape {array.shape} is declared {type_}")
        _require(array.dtype == type_.dtype.numpy, name, f"constant of {array.dtype} is declared {type_}")
        defined.add(name)
    for name, type_ in graph.types.items():
        _check_type(name, type_)
    names: set[str] = set()
    for node in graph.nodes:
        _require(node.name not in names, node.name, "two nodes have this name")
        names.add(node.name)
        _check_node(graph, node, defined, ops)
    for name in graph.outputs:
        _require(name in defined, name, "output is defined by nothing")
    _require(defined == set(graph.types), graph.name, f"typed but undefined: {set(graph.types) - defined}")


def _check_node(graph: Graph, node: Node, defined: set[str], ops: Mapping[str, OpRules]) -> None:
    _require(node.op in ops, node.name, f"unknown op {node.op!r}")
    _require(isinstance(node.attrs, ops[node.op].attrs), node.name, f"attributes are a {type(node.attrs).__name__}")
    for value in node.inputs:
        _require(not value or value in defined, node.name, f"reads %{value} before it is defined")
    for value in node.outputs:
        _require(value not in defined, node.name, f"defines %{value} a second time")
        _require(value in graph.types, node.name, f"output %{value} has no type")
        defined.add(value)
    try:
        inferred = ops[node.op].infer(node.attrs, graph.input_types(node))
    except EdgeqError as error:
        raise AssertionError(f"{node.name} ({node.source}): {error}") from error
    declared = tuple(t.shape for t in graph.output_types(node))
    _require(inferred == declared, node.name, f"{node.op} makes {inferred}, declared {declared}")


def _check_type(name: str, type_: TensorType) -> None:
    _require(all(d > 0 for d in type_.shape), name, f"{type_} has a dimension below 1")
    quant = type_.quant
    if quant is None:
        return
    count = 1 if quant.axis is None else type_.shape[quant.axis]
    _require(len(quant.scale) == len(quant.zero_point) == count, name, f"{type_}: expected {count} scales")
    _require(type_.dtype not in (DType.F32, DType.BOOL), name, f"{type_} is no integer")
    low, high = type_.dtype.range
    _require(all(low <= z <= high for z in quant.zero_point), name, f"{type_}: zero point out of range")


def _require(holds: bool, where: str, rule: str) -> None:
    if not holds:
        raise AssertionError(f"{where}: {rule}")
