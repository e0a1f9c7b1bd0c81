"""Runs a graph in NumPy: on integers, exactly as the generated C does, or on reals."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edgeq.errors import EdgeqError, Refusal
from edgeq.fixedpoint import rounding
from edgeq.ir import Graph, Node, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.tensor import dequantize
from edgeq.ops import OPS, Lowering, Params


def lower_node(graph: Graph, node: Node) -> Params:
    """The integers of one node.

    Raises:
        Refusal: where the op has no integer meaning for these types.
    """
    with rounding(graph.rounding):
        return _lower(graph, node)


def _lower(graph: Graph, node: Node) -> Params:
    """Within the graph's rounding."""
    constants = tuple(graph.constants.get(v) if v else None for v in node.inputs)
    lowering = Lowering(graph.input_types(node), graph.output_types(node), constants)
    return OPS[node.op].lower(node.attrs, lowering)


def operands(node: Node) -> tuple[str, ...]:
    """The inputs that a node reads at run time; the others are absorbed into its Params."""
    count = OPS[node.op].operands
    return tuple(v for v in (node.inputs if count is None else node.inputs[:count]) if v)


def eval_node(graph: Graph, node: Node, values: Mapping[str, Array]) -> tuple[Array, ...]:
    """The integer outputs of one node, in their declared types."""
    with rounding(graph.rounding):
        return _eval(graph, node, values)


def _eval(graph: Graph, node: Node, values: Mapping[str, Array]) -> tuple[Array, ...]:
    """Within the graph's rounding."""
    results = OPS[node.op].eval_int(_lower(graph, node), [values[v] for v in operands(node)])
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
    with rounding(graph.rounding):
        for node in graph.nodes:
            try:
                results = _eval(graph, node, values)
            except Refusal as error:
                raise EdgeqError(f"{node.source or node.name}: {error}") from error
            values.update(zip(node.outputs, results, strict=True))
    return values


Transform = Callable[[str, Array], Array]
"""A value's name and its reals to what is used in their place: how quantization is simulated, or values are watched."""


def evaluate_float(graph: Graph, inputs: Sequence[Array], transform: Transform | None = None) -> dict[str, Array]:
    """Every value of the graph in reals, from inputs in reals; constants are dequantized, nothing is rounded.

    Args:
        graph: a graph of floats, or a quantized one, whose meaning in reals is evaluated.
        inputs: one array per graph input, in reals; where the input is of integers that stand for themselves (indices),
            in its own type.
        transform: is given each input and each result of a node; what it returns takes its place.
    """
    through: Transform = transform or (lambda _, array: array)
    values: dict[str, Array] = {n: _real(a, graph.types[n]) for n, a in graph.constants.items()}
    for name, x in zip(graph.inputs, inputs, strict=True):
        dtype = graph.types[name].dtype.numpy if _stands_for_itself(graph.types[name]) else np.float32
        values[name] = through(name, np.asarray(x, dtype))
    for node in graph.nodes:
        arguments = [values[v] if v else None for v in node.inputs]
        with np.errstate(all="ignore"):  # reals may overflow; who asks for them looks at what they are
            results = OPS[node.op].eval_float(node.attrs, arguments)
        for name, result, type_ in zip(node.outputs, results, graph.output_types(node), strict=True):
            values[name] = through(name, result.reshape(type_.shape))
    return values


def _stands_for_itself(type_: TensorType) -> bool:
    """Whether elements are integers or truth values that are no quantized reals."""
    return type_.quant is None and not type_.dtype.is_float


def _real(constant: Array, type_: TensorType) -> Array:
    return constant if _stands_for_itself(type_) else dequantize(constant, type_)


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
