"""Gives each reader of a constant its own, as what becomes of its numbers depends on the reader.

A tensor that is the weights of one layer and the bias of another gets two encodings.
"""

from collections.abc import Sequence
from dataclasses import replace

from edgeq.ir import Graph, Node
from edgeq.ir.rewrite import fresh_name


def own_constants(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph in which each constant is one input of one node, and a sentence per copy."""
    types, constants, origins = dict(graph.types), dict(graph.constants), dict(graph.origins)
    taken = set(graph.outputs)
    changes: list[str] = []

    def own(node: Node, value: str) -> str:
        if value not in graph.constants:
            return value
        if value not in taken:
            taken.add(value)
            return value
        copy = fresh_name(graph.with_(types=types), f"{value}.own")
        types[copy], constants[copy] = types[value], constants[value]
        if value in origins:
            origins[copy] = origins[value]
        changes.append(f"gave {node.label} its own copy of %{value}")
        return copy

    nodes = tuple(replace(node, inputs=tuple(own(node, v) for v in node.inputs)) for node in graph.nodes)
    if not changes:
        return graph, []
    return graph.with_(nodes=nodes, types=types, constants=constants, origins=origins), changes
