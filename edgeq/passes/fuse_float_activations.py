"""Makes a clamp of reals the activation of the op before it, or one op of two clamps in a row.

RELU, RELU6, a clip, a maximum or minimum with a number: all of them keep a value between two bounds.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeq.ir import Graph, Node
from edgeq.ir.rewrite import apply_rule, bypass, drop_dead, replace_node, single_user
from edgeq.ops.activation import Activation
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.unary_real import ClipAttrs
from edgeq.passes.float_values import Bounds, activation_of, clamp_bounds


def fuse_float_activations(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph with clamps in the ops before them, and a sentence for each of those."""
    graph, named = apply_rule(graph, _name)
    graph, merged = apply_rule(graph, _merge)
    graph, fused = apply_rule(graph, _fuse)
    return graph, [*named, *merged, *fused]


def _name(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    """A maximum, minimum or clip by its name among the clamps; one that clamps nothing goes."""
    found = clamp_bounds(graph, node)
    if found is None or not _all_reals(graph, node):
        return None
    clamp = _clamp(node, *found)
    if found[1] == (-np.inf, np.inf):
        without = bypass(graph, node) if node.inputs[0] == found[0] else None
        return None if without is None else (without, f"dropped {node.label}, which changes nothing")
    if clamp == node:
        return None
    return drop_dead(replace_node(graph, node, clamp))[0], f"{node.label} is a clamp: {clamp.op}"


def _clamp(node: Node, value: str, bounds: Bounds) -> Node:
    activation = activation_of(bounds)
    if activation is not None and activation is not Activation.NONE:
        return replace(node, op=activation.value, inputs=(value,), attrs=UnaryAttrs())
    return replace(node, op="clip", inputs=(value,), attrs=ClipAttrs(*bounds))


def _merge(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    """A clamp of a clamp clamps once, whoever else reads what is between."""
    second = clamp_bounds(graph, node)
    before = graph.producers.get(second[0]) if second else None
    first = clamp_bounds(graph, before) if before else None
    if first is None or second is None or before is None or not _all_reals(graph, before, node):
        return None
    merged = _clamp(node, first[0], _both(first[1], second[1]))
    return drop_dead(replace_node(graph, node, merged))[0], f"merged {before.label} into {node.label}"


def _both(first: Bounds, second: Bounds) -> Bounds:
    """The bounds of a clamp after a clamp."""
    low, high = (float(min(max(bound, second[0]), second[1])) for bound in first)
    return low, high


def _fuse(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    found = clamp_bounds(graph, node)
    producer = graph.producers.get(found[0]) if found else None
    if found is None or producer is None or not hasattr(producer.attrs, "activation"):
        return None
    activation = activation_of(_both(producer.attrs.activation.bounds, found[1]))
    if activation is None or single_user(graph, found[0]) is not node or not _all_reals(graph, producer, node):
        return None
    fused = replace(producer, attrs=replace(producer.attrs, activation=activation), outputs=node.outputs)
    graph = replace_node(replace_node(graph, producer, fused), node)
    return drop_dead(graph)[0], f"fused {node.label} into {producer.label}"


def _all_reals(graph: Graph, *nodes: Node) -> bool:
    return all(type_.dtype.is_float for node in nodes for type_ in graph.output_types(node))
