"""Computes at compile time what depends on constants only.

Outputs of the graph are left alone: a port has to be written at run time, whatever is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeq.errors import Refusal
from edgeq.evaluate import eval_node
from edgeq.ir import Graph, Node
from edgeq.ir.rewrite import apply_rule, drop_dead, replace_node

_BUDGET = 1 << 20
"""Bytes, beyond those of the constants that are there, that all results may have: flash is rarely larger."""


def fold_constants(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph without nodes that have constant inputs only, and a sentence for each of those."""
    folder = _Folder(_BUDGET + sum(array.nbytes for array in graph.constants.values()))
    graph, changes = apply_rule(graph, folder.fold)
    return (drop_dead(graph)[0], changes) if changes else (graph, changes)


@dataclass
class _Folder:
    """Computes nodes as long as there are bytes left for their results."""

    budget: int

    def fold(self, graph: Graph, node: Node) -> tuple[Graph, str] | None:
        constant = all(not value or value in graph.constants for value in node.inputs)
        size = sum(type_.bytes for type_ in graph.output_types(node))
        if not constant or size > self.budget or not set(node.outputs).isdisjoint(graph.outputs):
            return None
        try:
            results = eval_node(graph, node, graph.constants)
        except Refusal:
            return None  # it is refused where all refusals are collected
        self.budget -= size
        folded = dict(zip(node.outputs, results, strict=True))
        return replace_node(graph, node).with_(constants={**graph.constants, **folded}), f"computed {node.label}"
