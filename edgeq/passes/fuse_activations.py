"""Makes a RELU, RELU6 and the like the clamp of the op before it.

Both clamp integers; where the activation keeps scale and zero point, its table of 256 integers says whether the two
clamps together are one that the op can apply itself:

    relu(conv2d(x))  =  conv2d(x, activation relu)
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeq.errors import Refusal
from edgeq.evaluate import lower_node
from edgeq.ir import DType, Graph, Node, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.rewrite import apply_rule, drop_dead, replace_node, single_user
from edgeq.ops.activation import Activation, quantized_bounds
from edgeq.ops.lookup import LookupParams

_ALL = np.arange(DType.S8.range[0], DType.S8.range[1] + 1)


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
    table = _table(graph, node)
    activation = None if table is None else _both(producer.attrs.activation, table, after)
    if activation is None:
        return None
    attrs = replace(producer.attrs, activation=activation)
    fused = replace(producer, attrs=attrs, outputs=node.outputs)
    graph = replace_node(replace_node(graph, producer, fused), node)
    return drop_dead(graph)[0], f"fused {node.label} into {producer.label}"


def _table(graph: Graph, node: Node) -> Array | None:
    """The outputs of a function of one value, for every integer; None for other ops."""
    try:
        params = lower_node(graph, node)
    except Refusal:
        return None
    return params.table if isinstance(params, LookupParams) else None


def _both(first: Activation, table: Array, type_: TensorType) -> Activation | None:
    """The activation that clamps as `first` and the table after it do together; None where no one does."""
    wanted = table[_clamped(first, type_) - _ALL[0]]
    for activation in Activation:
        try:
            if np.array_equal(_clamped(activation, type_), wanted):
                return activation
        except Refusal:
            continue  # a bound of this one does not fit int32
    return None


def _clamped(activation: Activation, type_: TensorType) -> Array:
    """What an activation makes of every integer of the type."""
    return np.clip(_ALL, *quantized_bounds(activation, type_))
