"""Runs a graph in NumPy: on integers, exactly as the generated C does, or on reals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgeq.errors import EdgeqError, Refusal
from edgeq.ir import Graph, Node
from edgeq.ir.graph import Array
from edgeq.ir.tensor import dequantize
from edgeq.ops import OPS, Lowering, Params


def lower_node(graph: Graph, node: Node) -> Params:
    """The integers of one node.

    Raises:
        Refusal: where the op has no integer meaning for these types.
    """
    constants = tuple(graph.constants.get(v) if v else None for v in node.inputs)
    lowering = Lowering(graph.input_types(node), graph.output_types(node), constants)
    return OPS[node.op].lower(node.attrs, lowering)


def operands(node: Node) -> tuple[str, ...]:
    """The inputs that a node reads at run time; the others are absorbed into its Params."""
    count = OPS[node.op].operands
    return tuple(v for v in (node.inputs if count is None else node.inputs[:count]) if v)


def eval_node(graph: Graph, node: Node, values: Mapping[str, Array]) -> tuple[Array, ...]:
    """The integer outputs of one node, in their declared types."""
    results = OPS[node.op].eval_int(lower_node(graph, node), [values[v] for v in operands(node)])
    return _declared(graph, node, results)


def evaluate(graph: Graph, inputs: Sequence[Array]) -> dict[str, Array]:
    """Every value of the graph for these integer inputs.

    Args:
        graph: a quantized graph.
        inputs: one array per graph input, of the declared shape and dtype.

    Returns:
        value name to array, constants included.

    Raises:
        EdgeqError: where an input does not fit its type, or an op has no integer meaning.
    """
    values: dict[str, Array] = dict(graph.constants)
    values.update(zip(graph.inputs, check_inputs(graph, inputs), strict=True))
    for node in graph.nodes:
        try:
            results = eval_node(graph, node, values)
        except Refusal as error:
            raise EdgeqError(f"{node.source or node.name}: {error}") from error
        values.update(zip(node.outputs, results, strict=True))
    return values


def evaluate_float(graph: Graph, inputs: Sequence[Array]) -> dict[str, Array]:
    """Every value of the graph in reals, from inputs in reals; constants are dequantized, nothing is rounded."""
    values: dict[str, Array] = {n: dequantize(a, graph.types[n]) for n, a in graph.constants.items()}
    values.update(zip(graph.inputs, (np.asarray(x, np.float32) for x in inputs), strict=True))
    for node in graph.nodes:
        arguments = [values[v] if v else None for v in node.inputs]
        results = OPS[node.op].eval_float(node.attrs, arguments)
        shapes = [t.shape for t in graph.output_types(node)]
        values.update((name, r.reshape(shape)) for name, r, shape in zip(node.outputs, results, shapes, strict=True))
    return values


def check_inputs(graph: Graph, inputs: Sequence[Any]) -> list[Array]:
    """The inputs as arrays of the declared types; EdgeqError where one does not fit."""
    if len(inputs) != len(graph.inputs):
        raise EdgeqError(f"{graph.name} takes {len(graph.inputs)} inputs, got {len(inputs)}")
    arrays = [np.asarray(x) for x in inputs]
    for name, array in zip(graph.inputs, arrays, strict=True):
        type_ = graph.types[name]
        if array.shape != type_.shape or array.dtype != type_.dtype.numpy:
            raise EdgeqError(
                f"input {name} of {graph.name} takes {type_.dtype.numpy}{list(type_.shape)}, "
                f"got {array.dtype}{list(array.shape)}"
            )
    return arrays


def _declared(graph: Graph, node: Node, results: Sequence[Array]) -> tuple[Array, ...]:
    types = graph.output_types(node)
    return tuple(r.astype(t.dtype.numpy, copy=False).reshape(t.shape) for r, t in zip(results, types, strict=True))
