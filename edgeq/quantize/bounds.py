"""Ranges of outputs that nothing says anything of: what the sums of the last layer can reach at most."""

import math

import numpy as np

from edgeq.ir import DType, Graph, Node, Quant
from edgeq.ir.graph import Array
from edgeq.ops.levels import LevelsAttrs
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.layers import layer_of
from edgeq.quantize.outputs import wide_values
from edgeq.quantize.roles import ROLES, Role


def bounded_outputs(graph: Graph, known: Encodings) -> dict[str, Encoding]:
    """Encodings in 16 bits of the class scores that have none, whose layer's input has one.

    Args:
        graph: floats.
        known: of activations and weights.
    """
    found: dict[str, Encoding] = {}
    wide = wide_values(graph)
    for node in graph.nodes:
        output = node.outputs[0]
        if output not in wide or output in known.values:
            continue
        if ROLES[node.op] is Role.MOVE and node.inputs[0] in found:
            found[output] = found[node.inputs[0]]
            continue
        reach = _reach(graph, node, known)
        if reach is not None:
            found[output] = Encoding(DType.S16, Quant.per_tensor(reach / DType.S16.range[1], 0))
    return found


def _reach(graph: Graph, node: Node, known: Encodings) -> float | None:
    """The largest magnitude of what a layer makes of all inputs that there can be; None where that is not known."""
    layer = layer_of(graph, node)
    x = known.values.get(node.inputs[0])
    if layer is None or x is None or x.quant.axis is not None:
        return None
    low, high = _ends(graph, node.inputs[0], x)
    matrix: Array = layer.matrix(graph.constants[node.inputs[1]].astype(np.float64))
    low, high = min(low, 0.0), max(high, 0.0)  # where nothing is, there is 0
    bias: Array | float = 0.0
    if len(node.inputs) > 2 and node.inputs[2]:
        if node.inputs[2] not in graph.constants:
            return None
        bias = graph.constants[node.inputs[2]].astype(np.float64)
        bias = bias.reshape(-1, math.prod(matrix.shape[:2])).reshape(-1, *matrix.shape[:2])
    above = np.maximum(matrix * low, matrix * high).sum(axis=-1) + bias
    below = np.minimum(matrix * low, matrix * high).sum(axis=-1) + bias
    reach = float(max(np.abs(above).max(), np.abs(below).max()))
    return reach if math.isfinite(reach) and reach > 0 else None


def _ends(graph: Graph, value: str, x: Encoding) -> tuple[float, float]:
    """The least and the greatest real of a value: of levels those that there are, or what its integers hold."""
    node = graph.producers.get(value)
    while node is not None and ROLES[node.op] is Role.MOVE and len(node.inputs) == 1:
        node = graph.producers.get(node.inputs[0])
    if node is not None and isinstance(node.attrs, LevelsAttrs):
        low, high = ((level - node.attrs.zero) * node.attrs.step for level in (node.attrs.low, node.attrs.high))
        return low, high
    low, high = ((q - x.quant.zero_point[0]) * x.quant.scale[0] for q in x.dtype.range)
    return low, high
