"""What tests of passes need: graphs from text, random inputs, and the check that a pass changes no output."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeq.evaluate import evaluate
from edgeq.ir import Graph, TensorType
from edgeq.ir.tensor import dequantize
from edgeq.ir.text import parse_graph, parse_type
from edgeq.ir.verify import verify
from edgeq.ops import OPS
from edgeq.ops.quantize import quantize_array
from edgeq.passes import Pass

ATTRS = {op.name: op.attrs for op in OPS.values()}


def graph_of(text: str) -> Graph:
    """A graph from its text, verified."""
    graph = parse_graph(text, ATTRS)
    verify(graph, OPS)
    return graph


def const(name: str, type_text: str, values: Any) -> str:
    """The line of text that defines a constant; values are broadcast to the type's shape."""
    type_ = parse_type(type_text)
    array = np.broadcast_to(np.asarray(values, type_.dtype.numpy), type_.shape)
    content = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return f"const %{name}: {type_text} = {content}"


def op_list(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def random_inputs(graph: Graph, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [random_array(rng, graph.types[name]) for name in graph.inputs]


def random_array(rng: np.random.Generator, type_: TensorType) -> Any:
    if type_.dtype.is_float:
        return rng.uniform(-8, 8, type_.shape).astype(np.float32)
    if type_.dtype.numpy == np.bool_:
        return rng.random(type_.shape) < 0.5
    low, high = type_.dtype.range if type_.quant else (-3, 3)
    return rng.integers(low, high, type_.shape, endpoint=True).astype(type_.dtype.numpy)


def run_pass(step: Pass, graph: Graph, seeds: Sequence[int] = (0, 1, 2)) -> tuple[Graph, Sequence[str]]:
    """Run a pass; the result is a valid graph that computes the same, and it bears no more of the same rewriting."""
    after, changes = step.run(graph)
    verify(after, OPS)
    assert bool(changes) == (after != graph), "a pass says what it does, and only that"
    for seed in seeds:
        require_same_outputs(graph, after, random_inputs(graph, seed))
    assert not step.run(after)[1], "once is enough"
    return after, changes


def require_same_outputs(before: Graph, after: Graph, inputs: Sequence[Any]) -> None:
    """The two graphs compute the same, where float ports may have become integer ports."""
    pairs = zip(inputs, before.inputs, after.inputs, strict=True)
    ours = evaluate(after, [_as(x, before.types[b], after.types[a]) for x, b, a in pairs])
    theirs = evaluate(before, inputs)
    for b, a in zip(before.outputs, after.outputs, strict=True):
        found = _as(ours[a], after.types[a], before.types[b])
        np.testing.assert_array_equal(found, theirs[b], err_msg=f"output %{b}, now %{a}")


def _as(array: Any, type_: TensorType, wanted: TensorType) -> Any:
    """Reals as integers or the other way round, where the types differ in that."""
    if type_.dtype.is_float == wanted.dtype.is_float:
        return array
    return quantize_array(array, wanted) if type_.dtype.is_float else dequantize(array, type_)
