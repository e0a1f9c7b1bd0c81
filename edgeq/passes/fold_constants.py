"""Computes at compile time what depends on constants only.

Outputs of the graph are left alone: a port has to be written at run time, whatever is written.
"""

from collections.abc import Sequence

from edgeq.errors import Refusal
from edgeq.evaluate import eval_node
from edgeq.ir import Graph, Node
from edgeq.ir.rewrite import apply_rule, drop_dead, replace_node

_LARGEST_RESULT = 1 << 20
"""Bytes. Constants lie in flash, which is rarely larger; what grows beyond is left to the run."""


def fold_constants(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph without nodes that have constant inputs only, and a sentence for each of those."""
    graph, changes = apply_rule(graph, _fold)
    return (drop_dead(graph)[0], changes) if changes else (graph, changes)


def _fold(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    constant = all(not value or value in graph.constants for value in node.inputs)
    size = sum(type_.bytes for type_ in graph.output_types(node))
    if not constant or size > _LARGEST_RESULT or not set(node.outputs).isdisjoint(graph.outputs):
        return None
    try:
        results = eval_node(graph, node, graph.constants)
    except Refusal:
        return None  # it is refused where all refusals are collected
    folded = dict(zip(node.outputs, results, strict=True))
    return replace_node(graph, node).with_(constants={**graph.constants, **folded}), f"computed {node.label}"
