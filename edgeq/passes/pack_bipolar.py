"""Makes bits of values that are only ever -1 or 1 and read only by layers whose weights are, too.

    levels(x)                   =  bipolar(x)                         of one bit, proved from all 256 results
    dense(levels(x), weights)   =  bipolar_dense(bipolar(x), weights)    and conv2d likewise
    bipolar(bipolar_dense(x))         =  bipolar_dense(x)                   of one bit; the threshold goes into the bias

Reshapes in between have no bytes to move, and stay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgeq.evaluate import lower_node
from edgeq.fixedpoint import requantize, rounding
from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.rewrite import add_constant, apply_rule, drop_dead, fresh_name, replace_node, single_user
from edgeq.ops.activation import Activation
from edgeq.ops.bipolar import BipolarAttrs
from edgeq.ops.bipolar_layers import BipolarConv2dParams, BipolarDenseParams
from edgeq.passes.every_integer import every_integer, every_result

_LAYERS: Mapping[str, str] = {"dense": "bipolar_dense", "conv2d": "bipolar_conv2d"}
"""What they are called where inputs are bits."""


def pack_bipolar(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph with such values as bits, and a sentence for each."""
    graph, packed = apply_rule(graph, _pack)
    graph, fused = apply_rule(graph, _fuse)
    return graph, [*packed, *fused]


def _pack(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    threshold = _threshold(graph, node)
    readers = None if threshold is None else _readers(graph, node.outputs[0])
    if threshold is None or readers is None:
        return None
    x, y = graph.types[node.inputs[0]], graph.types[node.outputs[0]]
    attrs = BipolarAttrs((threshold - 0.5 - x.zero_point) * x.scale, y.scale)
    packed = replace(node, op="bipolar", attrs=attrs)
    moved = [v for reader in readers if reader.op == "reshape" for v in reader.outputs]
    types = {v: replace(graph.types[v], dtype=DType.B1) for v in (*node.outputs, *moved)}
    graph = replace_node(graph, node, packed, types=types)
    for reader in readers:
        if reader.op in _LAYERS:
            graph = replace_node(graph, reader, replace(reader, op=_LAYERS[reader.op]))
    return graph, f"made bits of what {node.label} makes"


def _threshold(graph: Graph, node: Node) -> int | None:
    """The least byte of which a function makes 1, where it makes -1 of all below and 1 of all others."""
    if node.op == "bipolar" or len(node.inputs) != 1 or node.outputs[0] in graph.outputs:
        return None
    x, y = graph.types[node.inputs[0]], graph.types[node.outputs[0]]
    if x.dtype is not DType.S8 or y.dtype is not DType.S8 or not _centred(x) or not _centred(y) or y.zero_point != 0:
        return None
    results = every_result(graph, node)
    if results is None:
        return None
    above = int((results < 0).sum())
    inputs = every_integer(x.dtype)
    wanted = np.where(np.arange(inputs.size) < above, -1, 1)
    return int(inputs[above]) if 0 < above < inputs.size and np.array_equal(results, wanted) else None


def _centred(type_: TensorType) -> bool:
    """Whether there is one scale and zero point."""
    return type_.quant is not None and type_.quant.axis is None


def _readers(graph: Graph, value: str) -> list[Node] | None:
    """The layers that read a value, and reshapes in between; None where anything else does."""
    found: list[Node] = []
    for user in graph.users.get(value, ()):
        if user.op == "reshape" and user.outputs[0] not in graph.outputs:
            behind = _readers(graph, user.outputs[0])
            if behind is None:
                return None
            found += [user, *behind]
        elif _takes_bits(graph, user, value):
            found.append(user)
        else:
            return None
    return found or None


def _takes_bits(graph: Graph, node: Node, value: str) -> bool:
    """Whether it is a layer that only counts bits of what it reads."""
    if node.op not in _LAYERS or node.inputs[0] != value or value in node.inputs[1:]:
        return False
    weights = graph.types[node.inputs[1]]
    zeros = weights.quant.zero_point if weights.quant is not None else (0,)
    to = graph.types[node.outputs[0]].dtype in (DType.S8, DType.S16)
    one_group = getattr(node.attrs, "groups", 1) == 1
    return node.inputs[1] in graph.constants and weights.dtype is DType.B1 and not any(zeros) and one_group and to


def _fuse(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    layer = graph.producers.get(node.inputs[0]) if node.op == "bipolar" else None
    if layer is None or layer.op not in _LAYERS.values() or single_user(graph, node.inputs[0]) is not node:
        return None
    thresholds = _least_sums(graph, layer, lower_node(graph, node).threshold)  # type: ignore[attr-defined]
    graph, bias = _with_thresholds(graph, layer, thresholds)
    fused = replace(
        layer,
        inputs=(*layer.inputs[:2], bias),
        outputs=node.outputs,
        attrs=replace(layer.attrs, activation=Activation.NONE),
    )
    graph = replace_node(replace_node(graph, layer, fused), node)
    return drop_dead(graph)[0], f"made {layer.label} write bits"


def _least_sums(graph: Graph, layer: Node, threshold: int) -> Array:
    """The least sum, bias included, of which each channel makes the threshold or more; found by halving."""
    params = lower_node(graph, layer)
    assert isinstance(params, BipolarDenseParams | BipolarConv2dParams)
    assert params.multiplier is not None
    stage = params.multiplier, params.shift, params.output_offset, params.act_min, params.act_max
    taps = graph.constants[layer.inputs[1]].size // len(params.multiplier)
    largest = int(np.abs(params.bias.astype(np.int64)).max(initial=0)) + taps
    low = np.full(len(params.multiplier), -largest - 1)
    high = -low
    with rounding(graph.rounding):
        while bool((low < high).any()):
            middle = (low + high) // 2
            reached = requantize(middle, *stage) >= threshold
            low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
    return low


def _with_thresholds(graph: Graph, layer: Node, thresholds: Array) -> tuple[Graph, str]:
    """A bias from which thresholds are subtracted, so that signs are those of sums."""
    given = layer.inputs[2] if len(layer.inputs) > 2 else ""
    if given:
        before, type_ = graph.constants[given], graph.types[given]
    else:
        x, weights = (graph.types[v] for v in layer.inputs[:2])
        assert x.quant is not None
        assert weights.quant is not None
        steps = tuple(float(np.float32(x.scale * s)) for s in np.broadcast_to(weights.quant.scale, len(thresholds)))
        before = np.zeros(len(thresholds), np.int32)
        type_ = TensorType(before.shape, DType.S32, Quant(steps, (0,) * len(steps), 0))
    bias = (before.astype(np.int64) - thresholds).astype(before.dtype)
    return add_constant(graph, fresh_name(graph, f"{layer.name}.thresholds"), bias, type_)
