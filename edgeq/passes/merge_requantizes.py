"""Makes one of two requantizes in a row, where one of them only relabels: same scale, other zero point and range.

So a uint8 input that the model itself requantizes is read once, and likewise written once at an output. Two
requantizes that both round are left as they are, as one rounding is not two.
"""

from collections.abc import Sequence
from dataclasses import replace

from edgeq.errors import Refusal
from edgeq.evaluate import lower_node
from edgeq.ir import Graph, Node, TensorType
from edgeq.ir.rewrite import apply_rule, drop_dead, replace_node, single_user


def merge_requantizes(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph with exact requantizes merged into others, and a sentence for each pair."""
    return apply_rule(graph, _merge)


def _merge(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    first = graph.producers.get(node.inputs[0]) if node.inputs else None
    if node.op != "requantize" or first is None or first.op != "requantize":
        return None
    before, between, after = (graph.types[v] for v in (first.inputs[0], node.inputs[0], node.outputs[0]))
    if single_user(graph, node.inputs[0]) is not node or not (_relabels(before, between) or _relabels(between, after)):
        return None
    merged = replace(node, inputs=first.inputs)
    try:
        lower_node(graph, merged)
    except Refusal:
        return None  # no kernel between these two types
    return drop_dead(replace_node(graph, node, merged))[0], f"merged {first.label} into {node.label}"


def _relabels(before: TensorType, after: TensorType) -> bool:
    """Whether a requantize between these types adds a number to every integer, and loses none of them."""
    if before.quant is None or after.quant is None or before.quant.scale != after.quant.scale:
        return False
    moved = {b - a for a, b in zip(before.dtype.range, after.dtype.range, strict=True)}
    return moved == {after.zero_point - before.zero_point}
