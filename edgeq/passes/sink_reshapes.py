"""Moves reshapes behind what works on elements or on channels, so that an op and what it can absorb are neighbours.

    relu(reshape(conv2d(x)) * c)  =  reshape(relu(conv2d(x) * c))

One-dimensional convolutions are two-dimensional ones between reshapes.
"""

from collections.abc import Sequence
from dataclasses import replace

from edgeq.ir import Graph, Node, TensorType
from edgeq.ir.rewrite import add_constant, apply_rule, drop_dead, fresh_name, replace_node, single_user
from edgeq.ops import OPS
from edgeq.ops.binary import infer_binary
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.passes.float_values import per_channel, real_constant

_UNARY = ("quantize", "dequantize", "requantize")


def sink_reshapes(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph with reshapes as late as they can be, and a sentence for each step of one."""
    return apply_rule(graph, _sink)


def _sink(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    types = [graph.types[v] for v in (*node.inputs, *node.outputs) if v]
    if any(t.quant is not None and t.quant.axis is not None for t in types):
        return None
    if isinstance(node.attrs, UnaryAttrs) or node.op in _UNARY:
        reshape = _reshape_before(graph, node, node.inputs[0])
        return None if reshape is None else _swapped(graph, node, reshape, reshape.inputs)
    if OPS[node.op].infer is infer_binary:
        return _sink_operands(graph, node)
    return _between_reshapes(graph, node) if isinstance(node.attrs, DenseAttrs) else None


def _between_reshapes(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    """A dense layer on rows that are brought into a matrix and out of it again takes them as they are."""
    before, after = _reshape_before(graph, node, node.inputs[0]), single_user(graph, node.outputs[0])
    if before is None or after is None or not isinstance(after.attrs, ReshapeAttrs):
        return None
    shape = graph.types[before.inputs[0]].shape
    rows, columns = graph.types[node.inputs[0]].shape[-1], graph.types[node.outputs[0]].shape[-1]
    if shape[-1] != rows or after.attrs.shape != (*shape[:-1], columns):
        return None
    direct = replace(node, inputs=(before.inputs[0], *node.inputs[1:]), outputs=after.outputs)
    graph = replace_node(replace_node(graph, after), node, direct)
    return drop_dead(graph)[0], f"{node.label} reads the rows of what {before.label} makes a matrix of"


def _reshape_before(graph: Graph, node: Node, value: str) -> Node | None:
    """The reshape that makes a value which nothing but `node` reads."""
    reshape = graph.producers.get(value)
    if reshape is None or not isinstance(reshape.attrs, ReshapeAttrs) or single_user(graph, value) is not node:
        return None
    return reshape if graph.types[reshape.inputs[0]].shape else None


def _sink_operands(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    reshapes = [_reshape_before(graph, node, v) for v in node.inputs]
    shape = graph.types[node.outputs[0]].shape
    for index, reshape in enumerate(reshapes):
        if reshape is None or graph.types[reshape.outputs[0]].shape != shape:
            continue
        inner, other = graph.types[reshape.inputs[0]].shape, reshapes[1 - index]
        if other is not None and other is not reshape and graph.types[other.inputs[0]].shape == inner:
            if graph.types[other.outputs[0]].shape != shape:
                continue
            pair = (reshape.inputs[0], other.inputs[0])
        else:
            array = real_constant(graph, node.inputs[1 - index])
            channels = None if array is None else per_channel(array, shape)
            if array is None or channels is None or (array.size > 1 and inner[-1] != shape[-1]):
                continue
            flat = array.reshape(-1) if array.size > 1 else array.reshape(())
            type_ = replace(graph.types[node.inputs[1 - index]], shape=flat.shape)
            graph, constant = add_constant(graph, f"{node.inputs[1 - index]}.flat", flat, type_)
            pair = (reshape.inputs[0], constant)
        return _swapped(graph, node, reshape, pair if index == 0 else pair[::-1])
    return None


def _swapped(graph: Graph, node: Node, reshape: Node, inputs: tuple[str, ...]) -> tuple[Graph, str]:
    """The node on what the reshape reads, and the reshape behind it."""
    output = graph.types[node.outputs[0]]
    early = fresh_name(graph, f"{node.outputs[0]}.early")
    type_ = TensorType(graph.types[reshape.inputs[0]].shape, output.dtype, output.quant)
    moved = replace(node, inputs=inputs, outputs=(early,))
    late = Node(f"{node.name}.{early}", "reshape", (early,), node.outputs, ReshapeAttrs(output.shape), reshape.source)
    graph = replace_node(graph, node, moved, late, types={early: type_})
    return drop_dead(graph)[0], f"moved {reshape.label} behind {node.label}"
