"""Computes at compile time what depends on constants only, in a graph of floats.

The integers of a constant behind a `dequantize` are what the file's author has chosen, and have to survive: there a
reshape or a transpose is done on the integers, and their scales stay with their channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgeq.errors import Refusal
from edgeq.evaluate import eval_node
from edgeq.ir import Graph, Node, Quant, Shape, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.rewrite import add_constant, apply_rule, drop_dead, replace_node
from edgeq.ir.tensor import dequantize
from edgeq.ops import OPS
from edgeq.ops.group_scales import reals_of_groups
from edgeq.ops.quantize import quantize_array
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.ops.transpose import TransposeAttrs

_BUDGET = 1 << 24
"""Bytes, beyond those of the constants that are there, that all results may have."""


def fold_float_constants(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph without nodes that have constant inputs only, and a sentence for each of those."""
    folder = _Folder(_BUDGET + sum(array.nbytes for array in graph.constants.values()))
    graph, changes = apply_rule(graph, folder.fold)
    return (drop_dead(graph)[0], changes) if changes else (graph, changes)


@dataclass
class _Folder:
    """Computes nodes as long as there are bytes left for their results."""

    budget: int

    def fold(self, graph: Graph, node: Node) -> tuple[Graph, str] | None:
        """Compute a node, or move it before a `dequantize`."""
        size = sum(type_.bytes for type_ in graph.output_types(node))
        if size > self.budget or not set(node.outputs).isdisjoint(graph.outputs):
            return None
        changed = _computed(graph, node) or _moved(graph, node)
        if changed is None:
            return None
        self.budget -= size
        return changed, f"computed {node.label}"


def _computed(graph: Graph, node: Node) -> Graph | None:
    if node.op == "dequantize" or any(value and value not in graph.constants for value in node.inputs):
        return None
    results = _results(graph, node)
    if results is None:
        return None
    folded = {
        name: np.ascontiguousarray(result, type_.dtype.numpy).reshape(type_.shape)
        for name, result, type_ in zip(node.outputs, results, graph.output_types(node), strict=True)
    }
    return replace_node(graph, node).with_(constants={**graph.constants, **folded})


def _results(graph: Graph, node: Node) -> Sequence[Array] | None:
    types = graph.output_types(node)
    if node.op == "quantize":
        return [quantize_array(graph.constants[node.inputs[0]], types[0])]
    if all(type_.dtype.is_float for type_ in types):
        values = [dequantize(graph.constants[v], graph.types[v]) if v else None for v in node.inputs]
        with np.errstate(all="ignore"):
            return OPS[node.op].eval_float(node.attrs, values)
    try:
        return eval_node(graph, node, graph.constants)
    except Refusal:
        return None  # it is refused where all refusals are collected


def _moved(graph: Graph, node: Node) -> Graph | None:
    """`move(dequantize(constant))` as `dequantize(moved constant)`; None where scales would be torn from channels."""
    source = graph.producers.get(node.inputs[0]) if node.inputs else None
    if source is None or source.op != "dequantize" or source.inputs[0] not in graph.constants:
        return None
    if len(source.inputs) > 1:
        return _moved_groups(graph, node, source)
    constant = source.inputs[0]
    array, type_ = graph.constants[constant], graph.types[constant]
    match node.attrs:
        case TransposeAttrs(perm):
            moved, axes = array.transpose(perm), {old: new for new, old in enumerate(perm)}
        case ReshapeAttrs(shape):
            moved, axes = array.reshape(shape), _kept_axes(array.shape, shape)
        case _:
            return None
    quant = type_.quant
    if quant is not None and quant.axis is not None:
        if quant.axis not in axes:
            return None
        quant = Quant(quant.scale, quant.zero_point, axes[quant.axis])
    integers = TensorType(moved.shape, type_.dtype, quant)
    graph, name = add_constant(graph, f"{constant}.moved", np.ascontiguousarray(moved), integers)
    return replace_node(graph, node, replace(source, name=node.name, inputs=(name,), outputs=node.outputs))


def _moved_groups(graph: Graph, node: Node, source: Node) -> Graph | None:
    """`move(dequantize(constant, factors))` as what it stands for: the groups need not be some any more."""
    integers, factors = (graph.constants[v] for v in source.inputs)
    reals = reals_of_groups(integers, graph.types[source.inputs[0]], factors)
    match node.attrs:
        case TransposeAttrs(perm):
            moved = reals.transpose(perm)
        case ReshapeAttrs(shape):
            moved = reals.reshape(shape)
        case _:
            return None
    output = np.ascontiguousarray(moved)
    return replace_node(graph, node).with_(constants={**graph.constants, node.outputs[0]: output})


def _kept_axes(before: Shape, after: Shape) -> dict[int, int]:
    """Where dimensions go in a reshape that adds and removes dimensions of size 1 only; else nowhere."""
    old, new = ([d for d, n in enumerate(shape) if n != 1] for shape in (before, after))
    same = [before[d] for d in old] == [after[d] for d in new]
    return dict(zip(old, new, strict=True)) if same else {}
