"""Folds factors and addends per channel into the weights and biases of layers beside them.

    conv2d(x, w, b) * s + t  =  conv2d(x, w * s, b * s + t)
    conv2d(x * s + t, w, b)  =  conv2d(x, w * s, b + sum(w * t))        where nothing is padded

Batch normalization is such a factor and addend. Weights that are integers behind a `dequantize` stay what they are, but
for their signs: a factor behind the layer goes into their scales.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.rewrite import add_constant, apply_rule, bypass, drop_dead, fresh_name, replace_node, single_user
from edgeq.ops.activation import Activation
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.transpose_conv2d import TransposeConv2dAttrs
from edgeq.passes.float_values import per_channel, real_constant, with_constant

_LAYERS = (Conv2dAttrs, DepthwiseConv2dAttrs, DenseAttrs, TransposeConv2dAttrs)


def fold_batch_norms(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph with factors and addends in the layers beside them, and a sentence for each."""
    changes: list[str] = []
    with np.errstate(all="ignore"):  # what is not finite is not folded
        for rule in (_drop_neutral, _merge, _fold_behind, _fold_before):
            graph, done = apply_rule(graph, rule)
            changes += done
    return graph, changes


@dataclass(frozen=True)
class _Affine:
    """`value * factor + addend`, then a clamp. Factor or addend is 1 or 0 where the node has none."""

    value: str
    factor: Array
    addend: Array
    activation: Activation


def _affine(graph: Graph, node: Node) -> _Affine | None:
    """A node as a factor and an addend, either of any shape."""
    found = with_constant(graph, node, "mul", "add", "sub")
    if found is None or not graph.types[found.value].dtype.is_float:
        return None
    array, activation = found.array.astype(np.float64), node.attrs.activation
    zero, one = np.zeros(()), np.ones(())
    match node.op, found.first:
        case "mul", _:
            return _Affine(found.value, array, zero, activation)
        case "add", _:
            return _Affine(found.value, one, array, activation)
        case _, False:
            return _Affine(found.value, one, -array, activation)
        case _:
            return _Affine(found.value, -one, array, activation)


def _drop_neutral(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    """A factor of 1, an addend of 0."""
    affine = _affine(graph, node)
    if affine is None or affine.activation is not Activation.NONE:
        return None
    if np.any(affine.factor != 1) or np.any(affine.addend != 0) or affine.value != node.inputs[0]:
        return None
    without = bypass(graph, node)
    return None if without is None else (drop_dead(without)[0], f"dropped {node.label}, which changes nothing")


def _merge(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    """Two factors in a row, or two addends, are one."""
    second = _affine(graph, node)
    before = graph.producers.get(second.value) if second else None
    first = _affine(graph, before) if before else None
    if first is None or second is None or before is None or first.activation is not Activation.NONE:
        return None
    if single_user(graph, second.value) is not node:
        return None
    if before.op == node.op == "mul":
        op, array = "mul", first.factor * second.factor
    elif "mul" not in (before.op, node.op) and np.all(first.factor == 1) and np.all(second.factor == 1):
        op, array = "add", first.addend + second.addend
    else:
        return None
    if not _fits(array):
        return None
    graph, constant = _add_reals(graph, f"{node.name}.both", array)
    merged = replace(node, op=op, inputs=(first.value, constant))
    return drop_dead(replace_node(graph, node, merged))[0], f"merged {before.label} into {node.label}"


def _fold_behind(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    """Into the layer before."""
    affine = _affine(graph, node)
    layer = graph.producers.get(affine.value) if affine else None
    if affine is None or layer is None or not isinstance(layer.attrs, _LAYERS):
        return None
    if layer.attrs.activation is not Activation.NONE or single_user(graph, affine.value) is not node:
        return None
    shape = graph.types[affine.value].shape
    factor, addend = per_channel(affine.factor, shape), per_channel(affine.addend, shape)
    if factor is None or addend is None:
        return None
    attrs = replace(layer.attrs, activation=affine.activation)
    folded = _with_scales(graph, layer, factor, addend)
    folded = folded or _with_weights(graph, layer, _along_outputs(layer.attrs, factor), factor, addend)
    if folded is None:
        return None
    graph, changed = folded
    fused = replace(changed, attrs=attrs, outputs=node.outputs)
    graph = replace_node(replace_node(graph, layer, fused), node)
    return drop_dead(graph)[0], f"folded {node.label} into {layer.label}"


def _fold_before(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    """Into the layer behind."""
    if not isinstance(node.attrs, _LAYERS):
        return None
    before = graph.producers.get(node.inputs[0])
    affine = _affine(graph, before) if before else None
    weights = real_constant(graph, node.inputs[1])
    if affine is None or before is None or weights is None or affine.activation is not Activation.NONE:
        return None
    if single_user(graph, node.inputs[0]) is not node:
        return None
    shape = graph.types[affine.value].shape
    factor, addend = per_channel(affine.factor, shape), per_channel(affine.addend, shape)
    if factor is None or addend is None or (np.any(addend != 0) and not _reads_everything(node)):
        return None
    sums = _input_sums(node.attrs, weights.astype(np.float64) * _along_inputs(node.attrs, weights, addend))
    folded = _with_weights(graph, node, _along_inputs(node.attrs, weights, factor), np.ones(()), sums)
    if folded is None:
        return None
    graph, changed = folded
    changed = replace(changed, inputs=(affine.value, *changed.inputs[1:]))
    return drop_dead(replace_node(graph, node, changed))[0], f"folded {before.label} into {node.label}"


def _with_weights(graph: Graph, layer: Node, scale: Array, factor: Array, addend: Array) -> tuple[Graph, Node] | None:
    """The layer with its weights times `scale`, its bias times `factor` plus `addend`.

    None where these are not plain constants, or where the results are no numbers any more.
    """
    values, bias = [*layer.inputs], layer.inputs[2] if len(layer.inputs) > 2 else ""
    if np.any(scale != 1):
        weights = real_constant(graph, layer.inputs[1])
        scaled = None if weights is None else weights.astype(np.float64) * scale
        if scaled is None or not _fits(scaled):
            return None
        graph, values[1] = _add_reals(graph, layer.inputs[1], scaled)
    if bias or np.any(addend != 0):
        old = real_constant(graph, bias) if bias else np.zeros(addend.shape)
        new = None if old is None else old * factor + addend
        if new is None or not _fits(new):
            return None
        graph, name = _add_reals(graph, bias or f"{layer.name}.bias", new)
        values[2:] = [name]
    return graph, replace(layer, inputs=tuple(values))


def _with_scales(graph: Graph, layer: Node, factor: Array, addend: Array) -> tuple[Graph, Node] | None:
    """The same for weights that are dequantized: their scales times the magnitudes of factors, their signs changed.

    None where the weights are others, have zero points or scales along another axis, or where a factor is 0.
    """
    source = graph.producers.get(layer.inputs[1])
    if source is None or source.op != "dequantize" or source.inputs[0] not in graph.constants:
        return None
    type_ = graph.types[source.inputs[0]]
    axis = len(type_.shape) - 1 if isinstance(layer.attrs, DepthwiseConv2dAttrs) else 0
    quant, integers = type_.quant, graph.constants[source.inputs[0]]
    if quant is None or quant.axis not in (None, axis) or any(quant.zero_point) or len(factor) != type_.shape[axis]:
        return None
    scales = np.broadcast_to(np.asarray(quant.scale), factor.shape) * np.abs(factor)
    signs = np.where(factor < 0, -1, 1).astype(np.int64)
    signed = integers * (signs if axis else signs.reshape(-1, *[1] * (integers.ndim - 1)))
    dtype = next((d for d in (type_.dtype, DType.S4, DType.S8) if signed.max(initial=0) <= d.range[1]), None)
    least = np.finfo(np.float32).tiny
    if dtype is None or not _fits(scales) or np.any(np.float32(scales) < least):
        return None
    scaled = TensorType(
        type_.shape, dtype, Quant(tuple(float(np.float32(s)) for s in scales), (0,) * len(scales), axis)
    )
    plain = replace(layer, inputs=(layer.inputs[0], "", *layer.inputs[2:]))
    folded = _with_weights(graph, plain, np.ones(()), factor, addend)  # the bias
    if folded is None:
        return None
    graph, changed = folded
    stored = signed.astype(integers.dtype)
    graph, constant = add_constant(graph, fresh_name(graph, source.inputs[0]), stored, scaled)
    value = fresh_name(graph, source.outputs[0])
    name, inputs = f"{source.name}.{layer.name}", (constant, *source.inputs[1:])
    again = replace(source, name=name, inputs=inputs, outputs=(value,))
    nodes = [n for node in graph.nodes for n in ((again, node) if node is layer else (node,))]
    graph = graph.with_(types={**graph.types, value: graph.types[source.outputs[0]]}, nodes=tuple(nodes))
    return graph, replace(changed, inputs=(changed.inputs[0], value, *changed.inputs[2:]))


def _fits(array: Array) -> bool:
    return bool(np.all(np.abs(array) <= np.finfo(np.float32).max))


def _add_reals(graph: Graph, stem: str, array: Array) -> tuple[Graph, str]:
    reals = np.ascontiguousarray(array, np.float32)
    return add_constant(graph, fresh_name(graph, stem), reals, TensorType(reals.shape, DType.F32))


def _along_outputs(attrs: Any, factor: Array) -> Array:
    """A number per output channel, in a shape that multiplies the weights."""
    if isinstance(attrs, DepthwiseConv2dAttrs):
        return factor
    return factor.reshape((-1, 1) if isinstance(attrs, DenseAttrs) else (-1, 1, 1, 1))


def _along_inputs(attrs: Any, weights: Array, factor: Array) -> Array:
    """A number per input channel, in a shape that multiplies the weights."""
    match attrs:
        case DepthwiseConv2dAttrs():
            return np.repeat(factor, weights.shape[3] // len(factor))
        case Conv2dAttrs(groups=groups):
            outputs = np.repeat(factor.reshape(groups, -1), len(weights) // groups, axis=0)
            return outputs[:, None, None, :]
        case _:
            return factor


def _input_sums(attrs: Any, products: Array) -> Array:
    """The sums over all that goes into one output channel."""
    axes = (0, 1, 2) if isinstance(attrs, DepthwiseConv2dAttrs) else tuple(range(1, products.ndim))
    return np.asarray(products.sum(axis=axes))


def _reads_everything(node: Node) -> bool:
    """Whether each output is made of as many inputs: nothing is padded."""
    if isinstance(node.attrs, TransposeConv2dAttrs):
        return False
    return isinstance(node.attrs, DenseAttrs) or not any(node.attrs.padding)
