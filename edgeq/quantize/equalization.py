"""Makes the weights of neighbouring layers use their ranges evenly, without a change of what the network computes.

Between two layers with nothing but homogeneous functions, f(s x) = s f(x) for s > 0, a channel can be made smaller by
the first and larger again by the second:

    second(f(first(x)))  =  second * s (f(first / s (x)))        s_i = sqrt(r1_i / r2_i) for channel i

where r1_i is the largest weight that makes channel i and r2_i the largest that reads it: both become sqrt(r1_i r2_i)
(Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.1). A RELU6
clamps at a value that would move, so that it stands between layers that stay as they are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import DType, Graph, Node
from edgeq.ir.graph import Array
from edgeq.ir.rewrite import add_constant, drop_dead, replace_node, single_user
from edgeq.ops.activation import Activation
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.quantize.layers import Layer, layer_of

Factors = NDArray[np.float64]
"""One per channel."""

_SWEEPS = 100
_CONVERGED = 1e-4
_WORTH_IT = 1e-2
"""Changes of a factor, as natural logarithms: where sweeps end, and below which a pair is left as it is."""

_LEAST_RANGE = 2.0**-16
"""Of the largest of a layer: a channel with next to no weights is left as it is, so that its bias is not blown up."""


def _always(_: Graph, __: Node) -> bool:
    return True


_HOMOGENEOUS: Mapping[str, Callable[[Graph, Node], bool]] = {
    "abs": _always,
    "avg_pool2d": _always,
    "leaky_relu": _always,
    "max_pool2d": _always,
    "mean": lambda graph, node: len(graph.types[node.inputs[0]].shape) - 1 not in node.attrs.axes,
    "pad": lambda graph, node: all(not np.any(graph.constants.get(v, 1)) for v in node.inputs[1:] if v),
    "prelu": lambda graph, node: node.inputs[1] in graph.constants,
    "relu": _always,
    "reshape": _always,
}
"""Ops that scale with their input channel by channel, as long as the last dimension stays, and when they do."""


@dataclass(frozen=True)
class Pair:
    """Two layers and the values between them, the first one's output and the second one's input included."""

    first: Node
    second: Node
    between: tuple[str, ...]


def equalize(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The float graph with the weights of neighbouring layers equalized, and a sentence for each pair.

    Outputs change by no more than the rounding of floats. Values between two layers are scaled, and no longer have
    the origin that they had.
    """
    pairs = scalable_pairs(graph)
    factors = _solve(graph, pairs)
    sentences = []
    for pair, scale in zip(pairs, factors, strict=True):
        if np.abs(np.log(scale)).max() > _WORTH_IT:
            graph = scale_between(graph, pair, scale)
            spread = scale.max() / scale.min()
            sentences.append(
                f"equalized {pair.first.label} and {pair.second.label}: channels scaled by factors 1 : {spread:.3g}"
            )
    return (drop_dead(graph)[0] if sentences else graph), sentences


def scalable_pairs(graph: Graph) -> Sequence[Pair]:
    """All that can be scaled without a change of what comes out."""
    return [pair for node in graph.nodes if (pair := _pair_from(graph, node))]


def _pair_from(graph: Graph, first: Node) -> Pair | None:
    """The pair that begins at a node; None where there is none."""
    if not _is_float_layer(graph, first) or not _clamps_homogeneously(first):
        return None
    between = [first.outputs[0]]
    channels = graph.types[between[0]].shape[-1]
    while (node := single_user(graph, between[-1])) and node.inputs[0] == between[-1]:
        if _is_float_layer(graph, node):
            return Pair(first, node, tuple(between))
        if graph.types[node.outputs[0]].shape[-1:] != (channels,) or not _is_homogeneous(graph, node):
            return None
        between.append(node.outputs[0])
    return None


def _is_float_layer(graph: Graph, node: Node) -> bool:
    """Whether a node is a layer with constants that can be scaled."""
    constants = [v for v in node.inputs[1:] if v]
    return layer_of(graph, node) is not None and all(
        v in graph.constants and graph.types[v].dtype is DType.F32 for v in constants
    )


def _is_homogeneous(graph: Graph, node: Node) -> bool:
    condition = _HOMOGENEOUS.get(node.op)
    return condition is not None and condition(graph, node) and _clamps_homogeneously(node)


def _clamps_homogeneously(node: Node) -> bool:
    return getattr(node.attrs, "activation", Activation.NONE) in (Activation.NONE, Activation.RELU)


def _solve(graph: Graph, pairs: Sequence[Pair]) -> list[Factors]:
    """For each pair the factors that its channels are multiplied with between the two layers.

    Pairs that share a layer are solved in turn until nothing changes.
    """
    weights = {
        node.name: np.abs(graph.constants[node.inputs[1]].astype(np.float64))
        for pair in pairs
        for node in (pair.first, pair.second)
    }
    factors = [np.ones(graph.types[pair.between[0]].shape[-1]) for pair in pairs]
    for _ in range(_SWEEPS):
        largest = 0.0
        for k, pair in enumerate(pairs):
            first, second = pair.first.name, pair.second.name
            step = _factors(
                _made(graph, pair.first, weights[first]).max(axis=1),
                _read(graph, pair.second, weights[second]).max(axis=1),
            )
            weights[first] = weights[first] * _over_outputs(graph, pair.first, step)
            weights[second] = weights[second] / _over_inputs(graph, pair.second, step)
            factors[k] = factors[k] * step
            largest = max(largest, float(np.abs(np.log(step)).max()))
        if largest < _CONVERGED:
            break
    return factors


def _factors(made: Factors, read: Factors) -> Factors:
    """sqrt(r2 / r1), which makes both ranges the same; 1 for channels that nothing to speak of makes or reads."""
    alive = (made > made.max() * _LEAST_RANGE) & (read > read.max() * _LEAST_RANGE)
    return np.asarray(np.sqrt(np.divide(read, made, out=np.ones_like(made), where=alive)))


def _layer(graph: Graph, node: Node) -> Layer:
    layer = layer_of(graph, node)
    assert layer is not None
    return layer


def _made(graph: Graph, node: Node, weights: Array) -> Array:
    """The weights that make each output channel, `[channels, ...]`."""
    axis = _layer(graph, node).axis
    return np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)


def _read(graph: Graph, node: Node, weights: Array) -> Array:
    """The weights that read each input channel, `[channels, ...]`."""
    layer = _layer(graph, node)
    matrix = layer.matrix(weights)
    per_group = layer.channels // layer.groups
    by_channel = matrix.reshape(*matrix.shape[:2], -1, per_group).transpose(0, 3, 1, 2)
    return by_channel.reshape(layer.channels, -1)


def _over_outputs(graph: Graph, node: Node, factors: Factors) -> Factors:
    """Factors per output channel, in a shape that broadcasts over the weights."""
    layer = _layer(graph, node)
    return factors.reshape([-1 if d == layer.axis else 1 for d in range(len(layer.shape))])


def _over_inputs(graph: Graph, node: Node, factors: Factors) -> Factors:
    """Factors per input channel, in a shape that broadcasts over the weights."""
    layer = _layer(graph, node)
    if isinstance(node.attrs, DepthwiseConv2dAttrs):
        return np.repeat(factors, layer.shape[3] // layer.channels)
    if isinstance(node.attrs, Conv2dAttrs):
        per_group = factors.reshape(layer.groups, 1, 1, -1)
        return np.repeat(per_group, layer.shape[0] // layer.groups, axis=0)
    return factors


def scale_between(graph: Graph, pair: Pair, factors: Factors) -> Graph:
    """Scale the constants of both layers, so that the values between them are multiplied by a factor per channel."""
    for node, index, scale in (
        (pair.first, 1, _over_outputs(graph, pair.first, factors)),
        (pair.first, 2, factors),
        (pair.second, 1, 1 / _over_inputs(graph, pair.second, factors)),
    ):
        if index < len(node.inputs) and node.inputs[index]:
            graph = _scaled_constant(graph, node.name, index, scale)
    return graph.with_(origins={v: origin for v, origin in graph.origins.items() if v not in pair.between})


def _scaled_constant(graph: Graph, name: str, index: int, scale: Factors) -> Graph:
    """Let a node read a multiple of a constant; other readers keep the old one."""
    node = next(n for n in graph.nodes if n.name == name)
    old = node.inputs[index]
    constant, type_ = graph.constants[old], graph.types[old]
    # A bias may have any shape with one element per channel.
    scale = scale.reshape(constant.shape) if constant.size == scale.size else scale
    graph, new = add_constant(graph, f"{old}.equalized", (constant * scale).astype(np.float32), type_)
    inputs = tuple(new if i == index else v for i, v in enumerate(node.inputs))
    return replace_node(graph, node, replace(node, inputs=inputs))
