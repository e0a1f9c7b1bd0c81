"""The outputs of a model as quantization sees them: scores before a softmax, and which of them are kept in 16 bits."""

from edgeq.ir import DType, Graph, Node
from edgeq.quantize.roles import ROLES, Role, fixed

_SMALL = 4096
"""Elements of an output that is kept in 16 bits: class scores, not images."""

_MOVED = ("dequantize", "quantize", "reshape", "transpose")
"""Ops behind a softmax that leave its elements what they are."""


def measured_values(graph: Graph) -> tuple[str, ...]:
    """What accuracy is measured on: the outputs, or what a softmax at the end reads."""
    return tuple(dict.fromkeys(before_softmax(graph, v) for v in graph.outputs if graph.types[v].dtype.is_float))


def before_softmax(graph: Graph, value: str) -> str:
    """What a softmax (or its logarithm) reads whose result, moved or not, is this value; else the value itself."""
    node = graph.producers.get(value)
    while node is not None and node.op in _MOVED:
        node = graph.producers.get(node.inputs[0])
    return node.inputs[0] if node is not None and node.op in ("softmax", "log_softmax") else value


def wide_values(graph: Graph) -> frozenset[str]:
    """Small sums of layers with weights that end as an output or in a softmax that takes 16 bits, and their moves."""
    wide: set[str] = set()
    for output in measured_values(graph):
        chain, node = _moved_from(graph, output)
        ends = all(_takes_16_bits(reader) for reader in graph.users.get(output, ()))
        layer = node is not None and ROLES[node.op] is Role.WEIGHTED
        if layer and ends and graph.types[chain[-1]].size <= _SMALL:
            wide.update(chain)
    return frozenset(wide)


def _moved_from(graph: Graph, value: str) -> tuple[list[str], Node | None]:
    """The value, those that it is moved from and that nothing else reads, and the node that makes the last of them."""
    chain, node = [value], graph.producers.get(value)
    while node is not None and node.op in ("reshape", "slice", "transpose"):
        source = node.inputs[0]
        if graph.users[source] != (node,):
            break
        chain.append(source)
        node = graph.producers.get(source)
    return chain, node


def _takes_16_bits(reader: Node) -> bool:
    rule = fixed(reader, DType.S8)
    return rule is not None and DType.S16 in rule.reads
