"""Why a transpose is still there."""

from collections.abc import Iterator

from edgeq.ir import Graph, Node
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.ops.transpose import TransposeAttrs


def remaining_transposes(graph: Graph) -> list[tuple[str, str]]:
    """The label of each node that moves bytes only to change the order of dimensions, and a sentence that says why."""
    return [(node.label, _reason(graph, node)) for node in graph.nodes if isinstance(node.attrs, TransposeAttrs)]


def _reason(graph: Graph, node: Node) -> str:
    value, result = node.inputs[0], node.outputs[0]
    order = f"order {list(node.attrs.perm)} of {list(graph.types[value].shape)}"
    if value in graph.inputs:
        return f"{order}: input {_name(graph, value)} keeps the file's layout"
    if result in graph.outputs:
        return f"{order}: output {_name(graph, result)} keeps the file's layout"
    reshapes = [n for n in _around(graph, node) if isinstance(n.attrs, ReshapeAttrs)]
    if reshapes:
        return f"{order}: {' and '.join(_regrouping(graph, n) for n in reshapes)}"
    neighbours = ", ".join(dict.fromkeys(n.label for n in _around(graph, node)))
    return f"{order}: {neighbours} need different orders"


def _around(graph: Graph, node: Node) -> Iterator[Node]:
    """The node before, and those behind."""
    before = graph.producers.get(node.inputs[0])
    if before is not None:
        yield before
    yield from graph.users.get(node.outputs[0], ())


def _regrouping(graph: Graph, node: Node) -> str:
    before, after = graph.types[node.inputs[0]].shape, graph.types[node.outputs[0]].shape
    what = "splits" if len(after) > len(before) else "joins" if len(after) < len(before) else "regroups"
    return f"{node.label} {what} dimensions, {list(before)} to {list(after)}"


def _name(graph: Graph, value: str) -> str:
    origin = graph.origins.get(value)
    return f'"{origin.name}"' if origin and origin.name else f"%{value}"
