"""Layers whose sums are rounded to two or three levels, in integers that switch levels at exactly the right sums.

The sums of a layer are integers, A, and what they stand for is `unit * A + bias` in each channel. A quantizer of
two or three levels switches at one or two reals: at sums that are found here, once for all. The scales of the weights
and the biases are then chosen so that fixed point switches half way between the sums on either side.

    two levels      the output counts sums from the threshold on: bias -T, multiplier 1, the upper level from 0 on
    three levels    T1 and T2 become half a step below and above 0: bias -(T1 + T2) / 2, multiplier 1 / (T2 - T1)

Source of the idea: thresholds in place of batch normalization, Umuroglu et al., FINN, 2017.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.rewrite import add_constant, drop_dead, fresh_name, replace_node
from edgeq.ops.activation import Activation
from edgeq.ops.levels import LevelsAttrs
from edgeq.quantize.absorb import spread
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.layers import Layer, layer_of
from edgeq.quantize.roles import ROLES, Role

_LARGEST_BIAS = 1 << 30


@dataclass(frozen=True)
class _Sums:
    """The integer sums of a layer.

    Attributes:
        x: encoding of its input.
        unit: what 1 of a sum stands for, per channel.
        bias: in reals, per channel.
        first: a sum that there is, per channel.
        grid: the distance of sums from one to the next.
    """

    x: Encoding
    unit: Array
    bias: Array
    first: Array
    grid: int

    def at_or_above(self, reals: Array) -> Array:
        """The least sum that stands for a real or more, per channel."""
        sums = (reals - self.bias) / self.unit
        least = self.first + self.grid * np.ceil((sums - self.first) / self.grid)
        return np.asarray(np.clip(least, -_LARGEST_BIAS, _LARGEST_BIAS), np.int64)


def exact_thresholds(graph: Graph, given: Encodings) -> tuple[Graph, Encodings]:
    """The graph and encodings with the scales and biases of such layers as they have to be.

    Only of layers whose integers, of weights and of inputs, are known; the others stay.

    Args:
        graph: floats, as `absorb` leaves it.
        given: what the file says.
    """
    known = spread(graph, given.values, moves_only=True)
    for name in [node.name for node in graph.nodes if isinstance(node.attrs, LevelsAttrs) and node.attrs.count <= 3]:
        levels = next(node for node in graph.nodes if node.name == name)
        layer_node = graph.producers.get(levels.inputs[0])
        layer = layer_of(graph, layer_node) if layer_node is not None else None
        if layer is None or layer_node is None or not _is_alone(graph, layer_node, given):
            continue
        x = known.get(layer_node.inputs[0])
        if x is None or x.quant.axis is not None:
            continue
        sums = _sums_of(graph, layer_node, layer, x, given)
        if levels.attrs.count == 2 and levels.attrs.rounding == "floor":
            graph, given = _two_levels(graph, given, layer_node, levels, sums)
        elif levels.attrs.count == 3 and levels.attrs.rounding == "half_even" and sums.grid % 2 == 0:
            graph, given = _three_levels(graph, given, layer_node, levels, sums)
    return drop_dead(graph)[0], given


def _is_alone(graph: Graph, node: Node, given: Encodings) -> bool:
    """Whether the integers of its weights are known, its bias is free, and nothing but the levels reads its sums."""
    output, bias = node.outputs[0], node.inputs[2] if len(node.inputs) > 2 else ""
    alone = len(graph.users.get(output, ())) == 1 and output not in graph.outputs
    free = not bias or (bias in graph.constants and graph.constants[bias].ndim == 1)
    weights = given.values.get(node.inputs[1])
    symmetric = weights is not None and not any(weights.quant.zero_point)
    plain = node.attrs.activation is Activation.NONE and node.inputs[1] in given.integers.keys() - given.factors.keys()
    return alone and free and symmetric and plain


def _sums_of(graph: Graph, node: Node, layer: Layer, x: Encoding, given: Encodings) -> _Sums:
    weights = given.values[node.inputs[1]].quant
    channels = layer.shape[layer.axis]
    unit = np.broadcast_to(np.asarray(weights.scale, np.float64), channels) * x.quant.scale[0]
    bias = graph.constants[node.inputs[2]].astype(np.float64) if len(node.inputs) > 2 and node.inputs[2] else 0.0
    filters = given.integers[node.inputs[1]].astype(np.int64)
    totals = filters.sum(axis=tuple(a for a in range(filters.ndim) if a != layer.axis))
    base, spacing = _steps_of(graph, node.inputs[0], x)
    first, grid = base * totals, spacing
    if any(getattr(node.attrs, "padding", ())) or hasattr(node.attrs, "size"):  # taps may be missing
        first, grid = np.zeros(channels, np.int64), math.gcd(base, spacing)
    return _Sums(x, unit, np.broadcast_to(bias, (channels,)), first, grid)


def _steps_of(graph: Graph, value: str, x: Encoding) -> tuple[int, int]:
    """The least integer of a value, zero point subtracted, and the distance to the next: those of levels, or any."""
    node = graph.producers.get(value)
    while node is not None and ROLES[node.op] is Role.MOVE and len(node.inputs) == 1:
        node = graph.producers.get(node.inputs[0])
    if node is None or not isinstance(node.attrs, LevelsAttrs):
        return 0, 1
    least = (node.attrs.low - node.attrs.zero) * node.attrs.step / x.quant.scale[0]
    spacing = node.attrs.step / x.quant.scale[0]
    exact = math.isclose(least, round(least), abs_tol=1e-4) and math.isclose(spacing, round(spacing), abs_tol=1e-4)
    return (round(least), round(spacing)) if exact and round(spacing) >= 1 else (0, 1)


def _two_levels(graph: Graph, given: Encodings, node: Node, levels: Node, sums: _Sums) -> tuple[Graph, Encodings]:
    attrs, scale = levels.attrs, sums.x.quant.scale[0]
    threshold = sums.at_or_above(np.asarray((attrs.high - attrs.offset) / attrs.factor))
    graph, given = _with_integers(graph, given, node, -threshold, np.ones(len(threshold)), sums)
    values = {**given.values, node.outputs[0]: Encoding(DType.S8, Quant.per_tensor(scale, 0))}
    counted = replace(attrs, factor=1 / scale, offset=attrs.high + 0.5)
    return replace_node(graph, levels, replace(levels, attrs=counted)), replace(given, values=values)


def _three_levels(graph: Graph, given: Encodings, node: Node, levels: Node, sums: _Sums) -> tuple[Graph, Encodings]:
    """Halves of the grid are integers, as it is even: each threshold lies in the middle between two sums."""
    output = given.values.get(node.outputs[0])
    attrs = levels.attrs
    if output is None or not math.isclose(output.quant.scale[0] * attrs.factor, 1, rel_tol=1e-6):
        return graph, given
    lower, upper = (
        sums.at_or_above(np.asarray((level - 0.5 - attrs.offset) / attrs.factor)) - sums.grid // 2
        for level in (attrs.low + 1, attrs.high)
    )
    apart = upper > lower
    distance = np.where(apart, upper - lower, sums.grid / 2)
    middle = attrs.low + 1 - round(attrs.offset)
    bias = np.rint(-(lower + upper) / 2 + middle * distance).astype(np.int64)
    factors = output.quant.scale[0] / (distance * sums.x.quant.scale[0])
    return _with_integers(graph, given, node, bias, factors, sums)


def _with_integers(
    graph: Graph, given: Encodings, node: Node, bias: Array, factors: Array, sums: _Sums
) -> tuple[Graph, Encodings]:
    """The layer with these integers for its bias, and scales of its weights."""
    name, layer = node.inputs[1], layer_of(graph, node)
    assert layer is not None
    scales = [float(np.float32(f)) for f in factors]
    weights = Encoding(given.values[name].dtype, Quant(tuple(scales), (0,) * len(scales), layer.axis))
    steps = [float(np.float32(sums.x.quant.scale[0] * s)) for s in scales]
    integers = given.integers[name]
    along = [-1 if axis == layer.axis else 1 for axis in range(integers.ndim)]
    reals = (integers * np.asarray(scales).reshape(along)).astype(np.float32)
    graph = graph.with_(constants={**graph.constants, name: reals})
    biases = (bias * np.asarray(steps)).astype(np.float32)
    graph, constant = add_constant(
        graph, fresh_name(graph, f"{node.name}.thresholds"), biases, TensorType(biases.shape, DType.F32)
    )
    graph = replace_node(graph, node, replace(node, inputs=(*node.inputs[:2], constant)))
    as_steps = Encoding(DType.S32, Quant(tuple(steps), (0,) * len(steps), 0))
    return graph, replace(
        given,
        values={**given.values, name: weights, constant: as_steps},
        integers={**given.integers, constant: bias.astype(np.int32)},
    )
