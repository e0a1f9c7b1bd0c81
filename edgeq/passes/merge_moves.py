"""Makes one of two moves in a row: a reshape of a reshape needs the outer one only, a transpose of a transpose is one.

What a move before leaves in order is dropped by `drop_no_ops`.
"""

from collections.abc import Sequence
from dataclasses import replace

from edgeq.ir import Graph, Node
from edgeq.ir.rewrite import apply_rule, drop_dead, replace_node
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.ops.transpose import TransposeAttrs

_Moves = ReshapeAttrs | TransposeAttrs


def merge_moves(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph with reshapes and transposes in a row merged, and a sentence for each pair."""
    return apply_rule(graph, _merge)


def _merge(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    first = graph.producers.get(node.inputs[0]) if node.inputs else None
    attrs = _composed(first.attrs, node.attrs) if first else None
    if first is None or attrs is None:
        return None
    merged = replace(node, inputs=first.inputs, attrs=attrs)
    return drop_dead(replace_node(graph, node, merged))[0], f"merged {first.label} into {node.label}"


def _composed(first: object, second: object) -> _Moves | None:
    """The attributes of the move that does both; None where there is none."""
    match first, second:
        case ReshapeAttrs(), ReshapeAttrs():
            return second
        case TransposeAttrs(), TransposeAttrs():
            return TransposeAttrs(tuple(first.perm[p] for p in second.perm))
        case _:
            return None
