from typing import Any

import numpy as np
import pytest
from float_graphs import FloatBuilder, run_float_pass
from rewriting import op_list

from edgeq.ir import Quant
from edgeq.ops.activation import Activation
from edgeq.passes import Pass
from edgeq.passes.fold_batch_norms import fold_batch_norms

_PASS = Pass("fold batch norms", fold_batch_norms)


def _builder() -> FloatBuilder:
    return FloatBuilder(np.random.default_rng(0))


def _layer(b: FloatBuilder, op: str, x: str, *, bias: bool = True, **attrs: Any) -> str:
    """A layer with 6 output channels on 4 or 3 input channels."""
    in_c = b.shape(x)[-1]
    match op:
        case "dense":
            weights = b.reals(6, in_c)
        case "depthwise_conv2d":
            weights = b.reals(1, 2, 2, 6)
        case "transpose_conv2d":
            weights, attrs = b.reals(6, 2, 2, in_c), {"size": (8, 10), "stride": (2, 2), **attrs}
        case _:
            weights = b.reals(6, 2, 2, in_c // attrs.get("groups", 1))
    return b.node(op, x, weights, *([b.reals(6)] if bias else []), **attrs)


_LAYERS = {
    "conv2d": {},
    "grouped": {"groups": 3},
    "depthwise_conv2d": {},
    "dense": {},
    "transpose_conv2d": {},
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", _LAYERS)
def test_into_the_layer_before(name: str, bias: bool) -> None:
    b, op = _builder(), "conv2d" if name == "grouped" else name
    y = _layer(b, op, b.input(1, 4, 5, 3), bias=bias, **_LAYERS[name])
    y = b.node("sub", b.reals(6), b.node("mul", b.reals(1, 1, 6), y), activation=Activation.RELU)
    after, changes = run_float_pass(_PASS, b.graph(y))
    assert op_list(after) == [op]
    assert after.nodes[0].attrs.activation is Activation.RELU
    assert len(changes) == 2
    assert len(after.nodes[0].inputs) == 3


@pytest.mark.parametrize("name", _LAYERS)
def test_into_the_layer_behind(name: str) -> None:
    b, op = _builder(), "conv2d" if name == "grouped" else name
    channels = 6 if name == "grouped" else 3
    x = b.node("add", b.node("mul", b.input(1, 4, 5, channels), b.reals(channels)), b.reals(channels))
    after, _ = run_float_pass(_PASS, b.graph(_layer(b, op, x, bias=False, **_LAYERS[name])))
    assert op_list(after) == (["mul", "add", op] if op == "transpose_conv2d" else [op])


def test_an_addend_before_a_padded_layer_stays() -> None:
    b = _builder()
    x = b.node("add", b.input(1, 4, 5, 3), b.reals(3))
    graph = b.graph(_layer(b, "conv2d", x, padding=(0, 1, 0, 0)))
    assert run_float_pass(_PASS, graph) == (graph, [])
    x = b.node("mul", b.inputs[0], b.reals(3))
    after, _ = run_float_pass(_PASS, b.graph(_layer(b, "conv2d", x, padding=(0, 1, 0, 0))))
    assert op_list(after)[-1] == "conv2d"
    assert "mul" not in op_list(after)


def test_numbers_in_a_row_are_one() -> None:
    b = _builder()
    x = b.node("mul", b.node("mul", b.input(1, 4, 5, 3), b.reals(4, 1, 1)), b.reals(1, 5, 1))
    x = b.node("sub", b.node("add", x, b.reals(4, 5, 3)), b.reals(3))
    after, _ = run_float_pass(_PASS, b.graph(x))
    assert op_list(after) == ["mul", "add"]


def test_what_changes_nothing_goes() -> None:
    b = _builder()
    x = b.node("neg", b.input(1, 4))
    y = b.node("add", b.node("mul", x, b.constant(np.ones(4, np.float32))), b.constant(np.zeros((), np.float32)))
    after, _ = run_float_pass(_PASS, b.graph(b.node("abs", y)))
    assert op_list(after) == ["neg", "abs"]


def _quantized(b: FloatBuilder) -> str:
    quant = Quant((0.5,) * 6, (0,) * 6, 0)
    return b.node("dequantize", b.constant(b.rng.integers(-9, 9, (6, 3)).astype(np.int8), quant))


def test_a_factor_goes_into_the_scales_and_signs_of_integer_weights() -> None:
    b = _builder()
    factor = b.reals(6)
    y = b.node("mul", b.node("dense", b.input(1, 3), _quantized(b)), factor)
    before = b.graph(y)
    after, _ = run_float_pass(_PASS, before)
    assert op_list(after) == ["dequantize", "dense"]
    factors = before.constants[factor]
    (integers,) = (v for v in before.constants if v != factor)
    (signed,) = after.constants
    np.testing.assert_array_equal(after.constants[signed].T, before.constants[integers].T * np.sign(factors))
    np.testing.assert_allclose(after.types[signed].quant.scale, 0.5 * np.abs(factors), rtol=1e-6)


@pytest.mark.parametrize("factor", [0.0, 1e-44])
def test_a_factor_that_leaves_nothing_of_a_scale_stays(factor: float) -> None:
    b = _builder()
    weights = b.node("dense", b.input(1, 3), _quantized(b))
    graph = b.graph(b.node("mul", weights, b.constant(np.full(6, factor, np.float32))))
    assert run_float_pass(_PASS, graph) == (graph, [])


def test_integer_weights_that_have_no_negative_stay() -> None:
    b = _builder()
    lowest = b.constant(np.full((6, 3), -128, np.int8), Quant((0.5,) * 6, (0,) * 6, 0))
    y = b.node("dense", b.input(1, 3), b.node("dequantize", lowest))
    graph = b.graph(b.node("mul", y, b.constant(np.full(6, -1, np.float32))))
    assert run_float_pass(_PASS, graph) == (graph, [])


def test_integer_weights_stay_but_a_bias_is_added() -> None:
    b = _builder()
    y = b.node("add", b.node("dense", b.input(1, 3), _quantized(b)), b.reals(6))
    after, _ = run_float_pass(_PASS, b.graph(y))
    assert op_list(after) == ["dequantize", "dense"]


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 5, 1), (4, 5, 6)])
def test_numbers_that_differ_within_a_channel_stay(shape: Any) -> None:
    b = _builder()
    graph = b.graph(b.node("mul", _layer(b, "dense", b.input(1, 4, 5, 3)), b.reals(*shape)))
    assert run_float_pass(_PASS, graph) == (graph, [])


def test_what_others_read_or_a_clamp_bounds_stays() -> None:
    b = _builder()
    y = _layer(b, "dense", b.input(1, 3))
    graph = b.graph(y, b.node("mul", y, b.reals(6)))
    assert run_float_pass(_PASS, graph) == (graph, [])
    b = _builder()
    graph = b.graph(b.node("mul", _layer(b, "dense", b.input(1, 3), activation=Activation.RELU6), b.reals(6)))
    assert run_float_pass(_PASS, graph) == (graph, [])


def test_a_broadcasting_constant_stays() -> None:
    b = _builder()
    graph = b.graph(b.node("mul", _layer(b, "dense", b.input(1, 3)), b.reals(2, 6)))
    assert run_float_pass(_PASS, graph) == (graph, [])


def test_what_would_not_be_finite_stays() -> None:
    b = _builder()
    weights = b.constant(np.full((6, 3), 1e30, np.float32))
    graph = b.graph(b.node("mul", b.node("dense", b.input(1, 3), weights), b.constant(np.full(6, 1e30, np.float32))))
    assert _PASS.run(graph) == (graph, [])
