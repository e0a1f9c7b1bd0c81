"""Makes a RELU, RELU6 and the like the clamp of the op before it.

Both clamp integers; where the activation keeps scale and zero point, what it makes of every integer says whether the
two clamps together are one that the op can apply itself:

    relu(conv2d(x))  =  conv2d(x, activation relu)
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeq.errors import Refusal
from edgeq.ir import Graph, Node, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.rewrite import apply_rule, drop_dead, replace_node, single_user
from edgeq.ops.activation import Activation, quantized_bounds
from edgeq.passes.every_integer import every_integer, every_result


def fuse_activations(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph with activations in the ops before them, and a sentence for each of those."""
    return apply_rule(graph, _fuse)


def _fuse(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    producer = graph.producers.get(node.inputs[0]) if node.inputs else None
    if producer is None or not hasattr(producer.attrs, "activation"):
        return None
    between, after = graph.types[node.inputs[0]], graph.types[node.outputs[0]]
    if between != after or single_user(graph, node.inputs[0]) is not node:
        return None
    results = every_result(graph, node)
    activation = None if results is None else _both(producer.attrs.activation, results, after)
    if activation is None:
        return None
    attrs = replace(producer.attrs, activation=activation)
    fused = replace(producer, attrs=attrs, outputs=node.outputs)
    graph = replace_node(replace_node(graph, producer, fused), node)
    return drop_dead(graph)[0], f"fused {node.label} into {producer.label}"


def _both(first: Activation, results: Array, type_: TensorType) -> Activation | None:
    """The activation that clamps as `first` and the function after it do together; None where no one does."""
    wanted = results[_clamped(first, type_).astype(np.int64) - type_.dtype.range[0]]
    for activation in Activation:
        try:
            if np.array_equal(_clamped(activation, type_), wanted):
                return activation
        except Refusal:
            continue  # a bound of this one does not fit int32
    return None


def _clamped(activation: Activation, type_: TensorType) -> Array:
    """What an activation makes of every integer of the type."""
    return np.asarray(np.clip(every_integer(type_.dtype), *quantized_bounds(activation, type_)))
