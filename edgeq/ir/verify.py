"""What every graph must satisfy, checked after import and after each pass. A violation is edgeq's own bug."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
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
    for where, rule in _violations(graph, ops):
        raise AssertionError(f"{where}: {rule}")


_Violation = tuple[str, str]
"""Where, and which rule is broken."""


def _violations(graph: Graph, ops: Mapping[str, OpRules]) -> Iterator[_Violation]:
    """Lazily, as printing types of many scales takes longer than checking them."""
    yield from _value_violations(graph)
    defined = {*graph.inputs, *graph.constants}
    names: set[str] = set()
    for node in graph.nodes:
        if node.name in names:
            yield node.name, "two nodes have this name"
        names.add(node.name)
        yield from _node_violations(graph, node, defined, ops)
        defined.update(node.outputs)
    for name in graph.outputs:
        if name not in defined:
            yield name, "output is defined by nothing"
    if defined != set(graph.types):
        yield graph.name, f"typed but undefined: {sorted(set(graph.types) - defined)}"


def _value_violations(graph: Graph) -> Iterator[_Violation]:
    if len(set(graph.inputs)) != len(graph.inputs):
        yield graph.name, "an input is listed twice"
    for name in graph.inputs:
        if name not in graph.types:
            yield name, "input has no type"
        if name in graph.constants:
            yield name, "input is a constant too"
    for name, type_ in graph.types.items():
        yield from _type_violations(name, type_, constant=name in graph.constants)
    for name, array in graph.constants.items():
        declared = graph.types.get(name)
        if declared is None:
            yield name, "constant has no type"
        elif array.shape != declared.shape or array.dtype != declared.dtype.numpy:
            yield name, f"constant of {array.dtype}{list(array.shape)} is declared {declared}"
        elif declared.dtype.is_narrow and not _within(array, declared.dtype):
            yield name, f"constant holds what {declared} does not"


def _node_violations(
    graph: Graph, node: Node, defined: AbstractSet[str], ops: Mapping[str, OpRules]
) -> Iterator[_Violation]:
    if node.op not in ops:
        yield node.name, f"unknown op {node.op!r}"
        return
    if not isinstance(node.attrs, ops[node.op].attrs):
        yield node.name, f"attributes are a {type(node.attrs).__name__}"
    for value in node.inputs:
        if value and value not in defined:
            yield node.name, f"reads %{value} before it is defined"
    for value in node.outputs:
        if value in defined:
            yield node.name, f"defines %{value} a second time"
        if value not in graph.types:
            yield node.name, f"output %{value} has no type"
            return
    try:
        inferred = ops[node.op].infer(node.attrs, graph.input_types(node))
    except EdgeqError as error:
        yield f"{node.name} ({node.source})", str(error)
        return
    declared = tuple(t.shape for t in graph.output_types(node))
    if inferred != declared:
        yield node.name, f"{node.op} makes {inferred}, declared {declared}"


def _type_violations(name: str, type_: TensorType, *, constant: bool) -> Iterator[_Violation]:
    if any(d < (0 if constant else 1) for d in type_.shape):
        yield name, f"{type_} has too small a dimension"
    if type_.dtype in (DType.S4, DType.S3, DType.S2) and not constant:
        yield name, f"{type_} is computed; only constants have 2 to 4 bits"
    quant = type_.quant
    if quant is None:
        return
    count = 1 if quant.axis is None else type_.shape[quant.axis]
    if not len(quant.scale) == len(quant.zero_point) == count:
        yield name, f"{type_}: expected {count} scales"
    if type_.dtype in (DType.F32, DType.BOOL):
        yield name, f"{type_} is no integer"
        return
    low, high = type_.dtype.range
    if not all(low <= z <= high for z in quant.zero_point):
        yield name, f"{type_}: zero point out of range"


def _within(array: Any, dtype: DType) -> bool:
    """Whether all elements are some of a narrow type; of one bit, 0 is none."""
    low, high = dtype.range
    return bool(((array >= low) & (array <= high)).all() and (dtype is not DType.B1 or array.all()))
