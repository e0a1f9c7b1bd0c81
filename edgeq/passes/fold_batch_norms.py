"""Folds factors and addends per channel into the weights and biases of layers beside them.

    conv2d(x, w, b) * s + t  =  conv2d(x, w * s, b * s + t)
    conv2d(x * s + t, w, b)  =  conv2d(x, w * s, b + sum(w * t))        where nothing is padded

Batch normalization is such a factor and addend. Weights that are integers behind a `dequantize` stay what they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgeq.ir import DType, Graph, Node, TensorType
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
    folded = _with_weights(graph, layer, _along_outputs(layer.attrs, factor), factor, addend)
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
