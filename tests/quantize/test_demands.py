"""What is wanted of each value: by the file, by an op, by the user."""

import numpy as np
import pytest
from float_graphs import FloatBuilder
from small_nets import NETS

from edgeq.ir import DType, Graph, Quant
from edgeq.quantize.demands import Demand, demands, plain_constants
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.outputs import before_softmax, measured_values, wide_values
from edgeq.quantize.scheme import Rule, Scheme

_SOFTMAX = Encoding(DType.S8, Quant.per_tensor(1 / 256, -128))
_GIVEN = Encoding(DType.S8, Quant.per_tensor(0.1, 3))


def _builder() -> FloatBuilder:
    return FloatBuilder(np.random.default_rng(0))


def _of(found: "list[Demand] | tuple[Demand, ...]", value: str) -> Demand:
    (demand,) = (d for d in found if value in (*d.group.values, *d.group.constants))
    return demand


def _demands(graph: Graph, given: dict[str, Encoding] | None = None, **choices: object) -> list[Demand]:
    return list(demands(graph, Scheme(**choices), Encodings(given or {})))  # type: ignore[arg-type]


def test_scores_are_wide() -> None:
    graph = NETS["classifier"]()
    score, softmax = (node.outputs[0] for node in graph.nodes[-2:])
    assert measured_values(graph) == (score,)
    assert wide_values(graph) == {score}
    found = _demands(graph)
    assert _of(found, score).target.dtype is DType.S16
    assert _of(found, score).target.symmetric
    assert _of(found, softmax).given == _SOFTMAX
    assert {d.target.dtype for d in _demands(graph, outputs="int8")} == {DType.S8}


def test_moves_behind_scores_are_wide_too() -> None:
    b = _builder()
    y = b.node("dense", b.input(1, 4), b.reals(6, 4))
    moved = b.reshape(y, 2, 3)
    assert wide_values(b.graph(moved)) == {y, moved}
    assert wide_values(b.graph(b.node("softmax", moved))) == {y, moved}
    assert wide_values(b.graph(moved, y)) == {y, moved}
    assert wide_values(b.graph(moved, b.node("relu", y))) == frozenset()


@pytest.mark.parametrize("op", ["log_softmax", "softmax"])
def test_what_else_reads_scores(op: str) -> None:
    b = _builder()
    y = b.node("dense", b.input(1, 4), b.reals(6, 4))
    last = b.node(op, y)
    graph = b.graph(last)
    assert before_softmax(graph, last) == y
    assert wide_values(graph) == ({y} if op == "softmax" else frozenset())  # a logarithm takes 8 bits for 8 bits
    assert wide_values(b.graph(last, b.node("neg", y))) == frozenset()


def test_large_outputs_and_others_are_not_wide() -> None:
    b = _builder()
    image = b.node("conv2d", b.input(1, 40, 40, 3), b.reals(3, 1, 1, 3))
    added = b.node("add", image, image)
    assert wide_values(b.graph(image)) == frozenset()
    assert wide_values(b.graph(added)) == frozenset()


def test_a_softmax_in_the_midst_is_none_at_the_end() -> None:
    graph = NETS["attention"]()
    assert measured_values(graph) == graph.outputs


def test_an_encoding_of_an_op_goes_where_its_result_is_moved() -> None:
    b = _builder()
    y = b.node("softmax", b.input(1, 4))
    moved = b.reshape(y, 4)
    found = _demands(b.graph(b.node("add", moved, moved)))
    assert _of(found, moved).given == _of(found, y).given == _SOFTMAX
    wide = _demands(b.graph(b.node("add", moved, moved)), layers=(Rule("reshape", {"activations": "int16"}),))
    assert _of(wide, moved).given is None


def test_what_is_given_goes_where_it_is_moved() -> None:
    b = _builder()
    x = b.input(1, 4)
    flat = b.reshape(x, 4)
    y = b.node("relu", flat)
    found = _demands(b.graph(y), {x: _GIVEN})
    assert _of(found, flat).given == _GIVEN
    assert _of(found, y).given is None


def test_rules_for_layers() -> None:
    graph = NETS["classifier"]()
    rules = (
        Rule("depthwise_conv2d", {"activations": "int16", "method": "mse"}),
        Rule("v0", {"symmetric": True}),
    )
    found = _demands(graph, layers=rules)
    depthwise = next(node for node in graph.nodes if node.op == "depthwise_conv2d")
    assert (_of(found, depthwise.outputs[0]).target.dtype, _of(found, depthwise.outputs[0]).method) == (
        DType.S16,
        "mse",
    )
    assert _of(found, graph.inputs[0]).target.symmetric
    assert not _of(found, graph.nodes[0].outputs[0]).target.symmetric


def test_constants_beside_activations() -> None:
    """Neither weights nor biases; in the type of what reads them, from end to end."""
    b = _builder()
    x = b.input(1, 4)
    beside, alone = b.reals(1, 4), b.reals(1, 4)
    y = b.node("dense", b.node("maximum", x, beside), b.reals(4, 4), b.reals(4))
    graph = b.graph(b.node("mul", b.node("relu", y), alone))
    assert set(plain_constants(graph)) == {beside, alone}
    found = _demands(graph, layers=(Rule("mul", {"activations": "int16"}),))
    assert _of(found, alone).constant
    assert (_of(found, alone).target.dtype, _of(found, alone).method) == (DType.S16, "minmax")
    assert x in _of(found, beside).group.values
