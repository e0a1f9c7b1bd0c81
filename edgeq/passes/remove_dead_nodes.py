"""Removes nodes that no output depends on."""

from collections.abc import Sequence

from edgeq.ir import Graph
from edgeq.ir.rewrite import drop_dead


def remove_dead_nodes(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph without nodes and constants that nothing reads, and a sentence for each of the nodes."""
    alive, dead = drop_dead(graph)
    return alive, [f"removed {node.label}, which no output depends on" for node in dead]
