from typing import Any

import numpy as np
import pytest
from float_graphs import FloatBuilder, run_float_pass
from rewriting import op_list

from edgeq.ops.activation import Activation
from edgeq.passes import Pass
from edgeq.passes.fuse_float_activations import fuse_float_activations

_PASS = Pass("fuse float activations", fuse_float_activations)


def _builder() -> FloatBuilder:
    return FloatBuilder(np.random.default_rng(0))


def _number(b: FloatBuilder, value: float, shape: Any = ()) -> str:
    return b.constant(np.full(shape, value, np.float32))


def _clamps(b: FloatBuilder, x: str, name: str) -> str:
    match name:
        case "relu" | "relu6" | "relu_0_to_1" | "relu_n1_to_1":
            return b.node(name, x)
        case "clip":
            return b.node("clip", x, low=0.0, high=6.0)
        case "maximum":
            return b.node("maximum", _number(b, 0, (1, 1)), x)
        case _:
            return b.node("minimum", b.node("relu", x), _number(b, 1))


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("relu", Activation.RELU),
        ("relu6", Activation.RELU6),
        ("relu_0_to_1", Activation.RELU_0_TO_1),
        ("relu_n1_to_1", Activation.RELU_N1_TO_1),
        ("clip", Activation.RELU6),
        ("maximum", Activation.RELU),
        ("minimum of relu", Activation.RELU_0_TO_1),
    ],
)
def test_a_clamp_joins_the_op_before(name: str, activation: Activation) -> None:
    b = _builder()
    y = _clamps(b, b.node("dense", b.input(1, 3), b.reals(8, 3)), name)
    after, _ = run_float_pass(_PASS, b.graph(y))
    assert op_list(after) == ["dense"]
    assert after.nodes[0].attrs.activation is activation


def test_clamps_in_a_row_are_one_by_its_name() -> None:
    b = _builder()
    x = b.node("neg", b.input(1, 30))
    y = b.node("minimum", b.node("clip", b.node("relu", x), low=-2.0, high=7.0), _number(b, 6))
    z = b.node("clip", b.node("clip", x, low=1.0, high=2.0), low=3.0, high=4.0)
    after, _ = run_float_pass(_PASS, b.graph(y, z))
    assert op_list(after) == ["neg", "relu6", "clip"]


def test_a_clamp_of_a_clamped_sum_may_join_too() -> None:
    b = _builder()
    x = b.input(1, 30)
    y = b.node("relu6", b.node("add", x, x, activation=Activation.RELU))
    after, _ = run_float_pass(_PASS, b.graph(y))
    assert op_list(after) == ["add"]
    assert after.nodes[0].attrs.activation is Activation.RELU6


def test_a_clamp_without_bounds_goes() -> None:
    b = _builder()
    after, _ = run_float_pass(_PASS, b.graph(b.node("neg", b.node("clip", b.input(1, 30)))))
    assert op_list(after) == ["neg"]


def test_what_others_read_stays() -> None:
    b = _builder()
    y = b.node("dense", b.input(1, 3), b.reals(8, 3))
    graph = b.graph(y, b.node("relu", y))
    assert run_float_pass(_PASS, graph) == (graph, [])


def test_other_bounds_stay() -> None:
    b = _builder()
    y = b.node("dense", b.input(1, 3), b.reals(8, 3))
    graph = b.graph(b.node("clip", y, low=0.0, high=5.0), b.node("maximum", y, b.reals(8)))
    assert run_float_pass(_PASS, graph) == (graph, [])
    b = _builder()
    graph = b.graph(b.node("maximum", b.input(1, 3), _number(b, 0, (2, 3))))
    assert run_float_pass(_PASS, graph) == (graph, [])
