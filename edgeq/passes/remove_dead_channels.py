"""Removes channels that need not be computed, exactly.

A channel (an index of the last axis) is *known* when nothing that is computed at run time reaches it: all weights on
the way are zero, so that it holds the same value in every run. Its values are whatever integer evaluation gives, and
may differ from position to position, where padding follows a constant that is not the zero point. A channel is
*unused* when every weight that would read it is zero.

Convolutions and dense layers absorb known input channels: their contribution is added to the bias, which becomes one
bias per output position where the constants differ by position. Ops that treat each channel by itself (depthwise
convolution, pools, activations, additions ...) lose the channel on both sides. A channel can go when everything that
reads it either absorbs it or loses it too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate
from edgeq.fixedpoint import INT32_MAX, LARGEST_SUM64
from edgeq.ir import DType, Graph, Node, Origin, Quant, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.rewrite import drop_dead
from edgeq.ops.conv2d import Conv2dAttrs, accumulate
from edgeq.ops.unary import UNARY
from edgeq.ops.weight_groups import FACTORS

Mask = NDArray[np.bool_]
Masks = dict[str, Mask]
"""Per value, one truth per channel."""


@dataclass(frozen=True)
class _Mixes:
    """A node in which every output channel is a weighted sum of input channels: it can absorb them.

    Attributes:
        used: `[out_c, in_c]`, whether any weight between the two is not zero.
        grouped: groups of input channels have factors: all of them stay.
    """

    used: NDArray[np.bool_]
    grouped: bool = False


@dataclass(frozen=True)
class _Links:
    """A node in which output channel k depends on one channel of each operand only: both sides go together.

    Attributes:
        sources: operand to the channel of it that each output channel reads.
        silent: output channels that do not depend on their operands at all.
    """

    sources: Mapping[str, NDArray[np.int64]]
    silent: Mask


_Rule = _Mixes | _Links | None

_OTHERS = (
    "add avg_pool2d max_pool2d maximum minimum mul prelu requantize resize_bilinear resize_nearest sub"
    " squared_difference"
)
_CHANNELWISE = frozenset([*(op.name for op in UNARY), *_OTHERS.split()])
"""Ops whose output channel k reads channel k of every operand, whatever their attributes."""

_WEIGHTED = ("conv2d", "dense", "depthwise_conv2d")
"""Ops that multiply by constant weights."""


def remove_dead_channels(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph without the channels that can go, and a sentence per value that lost some.

    Again and again, as a channel that only dead ones read is unused once they are gone.
    """
    changes: list[str] = []
    while True:
        smaller, found = _remove_once(graph)
        changes += found
        if smaller is graph:
            return graph, changes
        graph = smaller


def _remove_once(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """One round; the same graph where nothing can go."""
    rules = {node.name: _rule(graph, node) for node in graph.nodes}
    if not any(isinstance(rule, _Mixes) for rule in rules.values()):
        return graph, ()
    try:
        values = evaluate(graph, [_zeros(graph.types[v]) for v in graph.inputs])
    except EdgeqError:
        return graph, ()  # some node has no integer meaning: lowering refuses it, together with all others
    absorbable = _absorbable(graph, rules, values, _known(graph, rules))
    dead = _removable(graph, rules, absorbable)
    if not any(mask.any() for mask in dead.values()):
        return graph, ()
    try:
        return _shrink(graph, rules, values, absorbable, dead)
    except _BiasOverflowError:
        return graph, ()


_LARGEST_BIAS64 = LARGEST_SUM64 // 2
"""Leaves the products as much."""


class _BiasOverflowError(Exception):
    """A bias with the absorbed channels in it would not fit the sums."""


def _zeros(type_: TensorType) -> Array:
    """An input whose reals are all 0; any other would do."""
    return np.full(type_.shape, type_.zero_point if type_.quant else 0, type_.dtype.numpy)


def _channels(graph: Graph, value: str) -> int:
    shape = graph.types[value].shape
    return shape[-1] if shape else 1


def _rule(graph: Graph, node: Node) -> _Rule:
    out_c = _channels(graph, node.outputs[0])
    if len(node.outputs) != 1 or any(graph.types[v].quant is None for v in (node.inputs[0], node.outputs[0]) if v):
        return None
    if node.op in _WEIGHTED and any(v and v not in graph.constants for v in node.inputs[1:]):
        return None  # refused later, together with all other nodes
    if node.op == "dense" or (node.op == "conv2d" and node.attrs.groups == 1):
        if node.inputs[0] in graph.constants:
            return None
        weights = _centred_weights(graph, node)
        return _Mixes((weights != 0).any(axis=tuple(range(1, weights.ndim - 1))), bool(_factors(node)))
    if node.op == "depthwise_conv2d":
        weights = _centred_weights(graph, node)
        multiplier = out_c // _channels(graph, node.inputs[0])
        return _Links({node.inputs[0]: np.arange(out_c) // multiplier}, (weights == 0).all(axis=(0, 1, 2)))
    silent = np.zeros(out_c, np.bool_)
    sources = _linked(graph, node, out_c)
    return None if sources is None else _Links(sources, silent)


def _factors(node: Node) -> str:
    """Those of groups of weights; "" where there are none."""
    return node.inputs[FACTORS] if len(node.inputs) > FACTORS else ""


def _centred_weights(graph: Graph, node: Node) -> Array:
    """The weights with their zero point subtracted: what the accumulators see."""
    quant = graph.types[node.inputs[1]].quant
    zero = quant.zero_point[0] if quant else 0
    return graph.constants[node.inputs[1]].astype(np.int64) - zero


def _linked(graph: Graph, node: Node, out_c: int) -> Mapping[str, NDArray[np.int64]] | None:
    """For each operand in the arena, the channel that each output channel reads; None for ops that mix channels."""
    operands = [v for v in node.inputs if v and v not in graph.constants]
    if not operands:
        return None
    same = np.arange(out_c)
    rank = len(graph.types[node.outputs[0]].shape)
    match node.op:
        case op if op in _CHANNELWISE:
            fits = all(_channels(graph, v) == out_c for v in operands)
        case "mean" | "reduce_max" | "reduce_min" | "sum":
            fits = len(graph.types[operands[0]].shape) - 1 not in node.attrs.axes
        case "pad":
            fits = tuple(node.attrs.before)[-1:] + tuple(node.attrs.after)[-1:] == (0, 0)
        case "concat":
            fits = node.attrs.axis != rank - 1 and len(operands) == len(node.inputs)
        case "reshape":
            in_c = _channels(graph, operands[0])
            return {operands[0]: same % in_c} if out_c % in_c == 0 else None
        case _:
            fits = False
    return dict.fromkeys(operands, same) if fits else None


def _known(graph: Graph, rules: Mapping[str, _Rule]) -> Masks:
    """Which channels hold the same values in every run."""
    known: Masks = {v: np.zeros(_channels(graph, v), np.bool_) for v in graph.types}
    known |= {v: np.ones(_channels(graph, v), np.bool_) for v in graph.constants}
    for node in graph.nodes:
        match rules[node.name]:
            case _Mixes(used, _):
                known[node.outputs[0]] = np.logical_not(used[:, ~known[node.inputs[0]]].any(axis=1))
            case _Links(sources, silent):
                fed = np.ones(len(silent), np.bool_)
                for value, channel in sources.items():
                    fed &= known[value][channel]
                known[node.outputs[0]] = fed | silent
            case _:
                pass
    return known


def _absorbable(graph: Graph, rules: Mapping[str, _Rule], values: Mapping[str, Array], known: Masks) -> Masks:
    """By node: the known input channels whose contribution can become part of its bias."""
    result = {}
    for node in graph.nodes:
        if isinstance(rules[node.name], _Mixes):
            x = values[node.inputs[0]]
            # A convolution can have a bias per position, the same in every image; a dense layer has one for all rows.
            rows = x if node.op == "conv2d" else x.reshape(-1, x.shape[-1])
            uniform = (rows == rows[:1]).all(axis=tuple(range(rows.ndim - 1)))
            result[node.name] = known[node.inputs[0]] & uniform
    return result


def _removable(graph: Graph, rules: Mapping[str, _Rule], absorbable: Masks) -> Masks:
    """The largest set of channels that can go together, at least one being left in every value."""
    dead = {v: np.ones(_channels(graph, v), np.bool_) for node in graph.nodes for v in node.outputs}
    dead |= {v: np.zeros(_channels(graph, v), np.bool_) for v in (*graph.inputs, *graph.outputs)}
    while True:
        before = {v: mask.copy() for v, mask in dead.items()}
        for node in reversed(graph.nodes):
            _restrict(node, rules[node.name], absorbable, dead)
        if all(np.array_equal(mask, before[v]) for v, mask in dead.items()):
            emptied = [mask for mask in dead.values() if mask.size and mask.all()]
            if not emptied:
                return dead
            emptied[0][0] = False


def _restrict(node: Node, rule: _Rule, absorbable: Masks, dead: Masks) -> None:
    """Keep what this node cannot do without."""
    match rule:
        case _Mixes(used, grouped):
            dead[node.inputs[0]] &= not grouped and (absorbable[node.name] | ~used.any(axis=0))
        case _Links(sources, _):
            output = dead[node.outputs[0]]
            for value, channel in sources.items():
                np.logical_and.at(dead[value], channel, output)
            for value, channel in sources.items():
                output &= dead[value][channel]
        case _:
            for value in (*node.inputs, *node.outputs):
                if value in dead:
                    dead[value][:] = False


@dataclass
class _Shrinker:
    """Builds the smaller graph."""

    graph: Graph
    keep: Mapping[str, NDArray[np.int64]]
    types: dict[str, TensorType]
    constants: dict[str, Array]
    nodes: list[Node]

    def constant(self, stem: str, array: Array, type_: TensorType) -> str:
        name = stem
        while name in self.types:
            name += ".live"
        self.types[name] = type_
        self.constants[name] = np.ascontiguousarray(array)
        return name


def _shrink(
    graph: Graph, rules: Mapping[str, _Rule], values: Mapping[str, Array], absorbable: Masks, dead: Masks
) -> tuple[Graph, Sequence[str]]:
    keep = {v: np.flatnonzero(~mask) for v, mask in dead.items()}
    shrunk = {v: t.with_shape((*t.shape[:-1], len(keep[v]))) for v, t in graph.types.items() if v in keep and t.shape}
    build = _Shrinker(graph, keep, {**graph.types, **shrunk}, dict(graph.constants), [])
    changes = []
    for node in graph.nodes:
        match rules[node.name]:
            case _Mixes():
                absorbed = dead[node.inputs[0]] & absorbable[node.name]
                build.nodes.append(_shrink_mixing(build, node, values[node.inputs[0]], absorbed))
            case _Links() if node.op == "depthwise_conv2d":
                build.nodes.append(_shrink_depthwise(build, node))
            case _Links():
                build.nodes.append(_shrink_linked(build, node))
            case _:
                build.nodes.append(node)
        lost = int(dead[node.outputs[0]].sum())
        if lost:
            changes.append(f"removed {lost} of {dead[node.outputs[0]].size} channels of {node.source or node.name}")
    origins = {v: _kept_origin(o, keep[v]) if v in keep and dead[v].any() else o for v, o in graph.origins.items()}
    result = graph.with_(nodes=tuple(build.nodes), types=build.types, constants=build.constants, origins=origins)
    return drop_dead(result)[0], changes


def _kept_origin(origin: Origin, keep: NDArray[np.int64]) -> Origin:
    before = origin.channels if origin.channels is not None else range(int(keep.max()) + 1)
    return replace(origin, channels=tuple(before[k] for k in keep))


def _shrink_mixing(build: _Shrinker, node: Node, constant_input: Array, absorbed: Mask) -> Node:
    """A convolution or dense layer on the channels that are left, the absorbed ones in its bias."""
    value, weights = node.inputs[:2]
    rows, columns = build.keep[node.outputs[0]], build.keep[value]
    x_type, w_type = build.graph.types[value], build.graph.types[weights]
    bias = _bias(build.graph, node)
    if absorbed.any():
        centred = np.where(absorbed, constant_input.astype(np.int64) - x_type.zero_point, 0)
        bias = bias + _contribution(build.graph, node, centred)
    bias = bias[..., rows]
    if bias.ndim == 3 and (bias == bias[0, 0]).all():
        bias = bias[0, 0]
    bias_type = _bias_type(bias, x_type, w_type, rows)
    if np.abs(bias).max() > (INT32_MAX if bias_type.dtype is DType.S32 else _LARGEST_BIAS64):
        raise _BiasOverflowError
    smaller = build.graph.constants[weights][rows][..., columns]
    names = [
        value,
        build.constant(weights, smaller, TensorType(smaller.shape, w_type.dtype, _kept_quant(w_type.quant, rows))),
        build.constant(_bias_name(node), bias.astype(bias_type.dtype.numpy), bias_type),
    ]
    if factors := _factors(node):
        kept = build.graph.constants[factors][rows]
        names.append(build.constant(factors, kept, TensorType(kept.shape, DType.U8)))
    return replace(node, inputs=tuple(names))


def _contribution(graph: Graph, node: Node, centred: Array) -> Array:
    """What constant input channels add to the accumulators, `[out_h, out_w, out_c]` or `[out_c]`."""
    weights = _centred_weights(graph, node)
    if isinstance(node.attrs, Conv2dAttrs):
        return np.asarray(accumulate(centred[:1], weights, node.attrs)[0], np.int64)
    rows = centred.reshape(-1, centred.shape[-1])
    return np.asarray(rows[0] @ weights.T)


def _bias(graph: Graph, node: Node) -> Array:
    name = node.inputs[2] if len(node.inputs) > 2 else ""
    if name:
        return graph.constants[name].astype(np.int64)
    return np.zeros(graph.types[node.outputs[0]].shape[-1], np.int64)


def _bias_name(node: Node) -> str:
    return node.inputs[2] if len(node.inputs) > 2 and node.inputs[2] else f"{node.outputs[0]}.bias"


def _bias_type(bias: Array, x: TensorType, weights: TensorType, rows: NDArray[np.int64]) -> TensorType:
    """A bias as wide as the sums, in steps of input scale times weight scale, along its last axis."""
    assert weights.quant is not None
    scales = weights.quant.scale
    per_row = tuple(float(np.float32(x.scale * scales[r if len(scales) > 1 else 0])) for r in rows)
    quant = Quant(per_row, (0,) * len(per_row), bias.ndim - 1)
    return TensorType(bias.shape, DType.S64 if x.dtype is DType.S16 else DType.S32, quant)


def _kept_quant(quant: Quant | None, rows: NDArray[np.int64]) -> Quant | None:
    if quant is None or quant.axis is None:
        return quant
    return Quant(tuple(quant.scale[r] for r in rows), tuple(quant.zero_point[r] for r in rows), quant.axis)


def _shrink_depthwise(build: _Shrinker, node: Node) -> Node:
    rows = build.keep[node.outputs[0]]
    constants = [_last_axis_kept(build, v, rows) if v else "" for v in node.inputs[1:]]
    return replace(node, inputs=(node.inputs[0], *constants))


def _shrink_linked(build: _Shrinker, node: Node) -> Node:
    rows = build.keep[node.outputs[0]]
    inputs = tuple(_last_axis_kept(build, v, rows) if v in build.graph.constants else v for v in node.inputs)
    if node.op == "reshape":
        return replace(node, attrs=replace(node.attrs, shape=build.types[node.outputs[0]].shape))
    return replace(node, inputs=inputs)


def _last_axis_kept(build: _Shrinker, value: str, rows: NDArray[np.int64]) -> str:
    """A constant with only these channels; as it is where it is broadcast over all."""
    array, type_ = build.graph.constants[value], build.graph.types[value]
    if array.ndim == 0 or array.shape[-1] == 1 or array.shape[-1] == len(rows):
        return value
    quant = type_.quant
    if quant is not None and quant.axis == array.ndim - 1:
        quant = _kept_quant(quant, rows)
    smaller = array[..., rows]
    return build.constant(value, smaller, TensorType(smaller.shape, type_.dtype, quant))
