"""Q/DQ nodes become encodings, and the integer graph made of those computes what the nodes say."""

from typing import Any

import kernel_library
import numpy as np
import pytest
from float_graphs import FloatBuilder, float_inputs, random_float_graph

from edgeq.evaluate import evaluate, evaluate_float
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph, Quant
from edgeq.ir.tensor import dequantize
from edgeq.ir.verify import verify
from edgeq.ops import OPS
from edgeq.ops.quantize import quantize_array
from edgeq.passes import normalization, pipeline, run_passes
from edgeq.program import build_program
from edgeq.quantize.absorb import absorb, spread
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.quantizer import quantize
from edgeq.quantize.scheme import Scheme


class _Builder(FloatBuilder):
    def __init__(self) -> None:
        super().__init__(np.random.default_rng(0))

    def q(self, x: str, scale: float, zero: int = 0) -> str:
        return self.node("quantize", x, dtype=DType.S8, quant=Quant.per_tensor(scale, zero))

    def dq(self, x: str) -> str:
        return self.node("dequantize", x)

    def qdq(self, x: str, scale: float, zero: int = 0) -> str:
        return self.dq(self.q(x, scale, zero))

    def integers(self, dtype: type, shape: tuple[int, ...], quant: Quant) -> str:
        info = np.iinfo(np.int8)
        return self.constant(self.rng.integers(info.min + 1, info.max, shape).astype(dtype), quant)


def _s8(scale: float, zero: int = 0) -> Encoding:
    return Encoding(DType.S8, Quant.per_tensor(scale, zero))


def _absorbed(graph: Graph) -> tuple[Graph, Encodings]:
    graph, _ = run_passes(graph, normalization())
    after, encodings = absorb(graph)
    verify(after, OPS)
    return after, encodings


def _simulated(graph: Graph, inputs: list[Any]) -> list[Any]:
    """The outputs, with what the Q nodes do to the reals."""

    def through(name: str, array: Any) -> Any:
        type_ = graph.types[name]
        quantized = type_.quant is not None and name not in graph.inputs
        return dequantize(quantize_array(array, type_), type_) if quantized else array

    values = evaluate_float(graph, inputs, through)
    return [values[v] for v in graph.outputs]


def _require_kept(graph: Graph, tolerance: float = 1e-6) -> Graph:
    """Without data the quantizer makes an integer graph whose outputs are those that the nodes say."""
    normalized, _ = run_passes(graph, normalization(input_layout="keep"))
    made = quantize(normalized, None, Scheme(), Rounding.FLOAT32).graph
    verify(made, OPS)
    for seed in range(3):
        inputs = float_inputs(graph, seed)
        values = evaluate(made, inputs)
        for found, wanted in zip(made.outputs, _simulated(graph, inputs), strict=True):
            np.testing.assert_allclose(values[found], wanted, atol=tolerance)
    lowered, _ = run_passes(made, pipeline(float_ports=True))
    results = kernel_library.run(build_program(lowered, "net"), inputs)
    for result, found in zip(results, made.outputs, strict=True):
        np.testing.assert_array_equal(result, values[found])
    return made


def test_a_pair_is_an_encoding() -> None:
    b = _Builder()
    x = b.input(1, 4)
    y = b.node("tanh", b.qdq(x, 0.1, 3))
    graph, encodings = _absorbed(b.graph(b.qdq(y, 0.01)))
    assert [node.op for node in graph.nodes] == ["tanh"]
    assert set(encodings.values.values()) == {_s8(0.1, 3), _s8(0.01)}
    assert encodings.values[x] == _s8(0.1, 3)
    _require_kept(b.graph(b.nodes[-1].outputs[0]))


def test_a_quantize_that_several_read() -> None:
    b = _Builder()
    x = b.q(b.input(1, 4), 0.1)
    a, c = b.node("relu", b.dq(x)), b.node("neg", b.dq(x))
    graph, encodings = _absorbed(b.graph(b.qdq(a, 0.1), b.qdq(c, 0.1)))
    assert [node.op for node in graph.nodes] == ["relu", "neg"]
    assert len(encodings.values) == 3
    _require_kept(b.graph(b.nodes[-3].outputs[0], b.nodes[-1].outputs[0]))


def test_two_encodings_of_one_value() -> None:
    """The second is a value of its own, made from the first; each reader has the one that it read."""
    b = _Builder()
    x = b.node("relu", b.qdq(b.input(1, 4), 0.1))
    fine, coarse = b.node("neg", b.qdq(x, 0.02, -20)), b.node("neg", b.qdq(x, 0.1, -128))
    outputs = b.qdq(fine, 0.02, 20), b.qdq(coarse, 0.1, 127)
    graph, encodings = _absorbed(b.graph(*outputs))
    assert sorted(node.op for node in graph.nodes) == ["neg", "neg", "relu", "requantize"]
    assert {_s8(0.02, -20), _s8(0.1, -128)} <= set(encodings.values.values())
    _require_kept(b.graph(*outputs), tolerance=0.11)  # the second is rounded twice


def test_a_pair_behind_a_pair() -> None:
    b = _Builder()
    x = b.qdq(b.qdq(b.input(1, 4), 0.1), 0.3)
    graph = b.graph(b.qdq(b.node("relu", x), 0.3))
    after, encodings = _absorbed(graph)
    assert {_s8(0.1), _s8(0.3)} <= set(encodings.values.values())
    assert [node.op for node in after.nodes] == ["requantize", "relu"]
    _require_kept(graph, tolerance=0.301)


def test_constants_keep_their_integers() -> None:
    b = _Builder()
    x = b.qdq(b.input(1, 4), 0.1)
    quant = Quant((0.01, 0.02, 0.03), (0, 0, 0), 0)
    weights = b.integers(np.int8, (3, 4), quant)
    steps = tuple(float(np.float32(np.float32(0.1) * np.float32(s))) for s in quant.scale)
    bias = b.integers(np.int32, (3,), Quant(steps, (0, 0, 0), 0))
    y = b.qdq(b.node("dense", x, b.dq(weights), b.dq(bias)), 0.2)
    _, encodings = _absorbed(b.graph(y))
    assert {a.tobytes() for a in encodings.integers.values()} == {b.constants[v].tobytes() for v in (weights, bias)}
    made = _require_kept(b.graph(y), tolerance=1e-6)
    (dense,) = (node for node in made.nodes if node.op == "dense")
    np.testing.assert_array_equal(made.constants[dense.inputs[1]], b.constants[weights])
    np.testing.assert_array_equal(made.constants[dense.inputs[2]], b.constants[bias])


def test_unsigned_weights() -> None:
    b = _Builder()
    x = b.qdq(b.input(1, 4), 0.1)
    integers = b.rng.integers(1, 255, (3, 4)).astype(np.uint8)
    y = b.node("dense", x, b.dq(b.constant(integers, Quant.per_tensor(0.01, 128))))
    made = _require_kept(b.graph(b.qdq(y, 0.2)))
    (dense,) = (node for node in made.nodes if node.op == "dense")
    np.testing.assert_array_equal(made.constants[dense.inputs[1]], integers.astype(int) - 128)


def test_a_bias_in_other_steps_is_rounded_anew() -> None:
    b = _Builder()
    x = b.qdq(b.input(1, 4), 0.1)
    weights = b.integers(np.int8, (3, 4), Quant.per_tensor(0.01, 0))
    bias = b.integers(np.int32, (3,), Quant.per_tensor(0.05, 0))
    made = _require_kept(b.graph(b.qdq(b.node("dense", x, b.dq(weights), b.dq(bias)), 0.2)), tolerance=0.201)
    (dense,) = (node for node in made.nodes if node.op == "dense")
    expected = b.constants[bias] * np.float64(np.float32(0.05)) / (float(np.float32(0.1)) * float(np.float32(0.01)))
    np.testing.assert_allclose(made.constants[dense.inputs[2]], expected, atol=0.51)


def test_a_float_bias() -> None:
    b = _Builder()
    x = b.qdq(b.input(1, 4), 0.1)
    weights = b.integers(np.int8, (3, 4), Quant.per_tensor(0.01, 0))
    _require_kept(b.graph(b.qdq(b.node("dense", x, b.dq(weights), b.reals(3)), 0.2)), tolerance=0.201)


def test_a_quantized_float_constant() -> None:
    """Weights as quantization-aware training leaves them: floats behind a quantize."""
    b = _Builder()
    x = b.qdq(b.input(1, 4), 0.1)
    weights = b.node("quantize", b.reals(3, 4), dtype=DType.S8, quant=Quant((0.02, 0.01, 0.03), (0, 0, 0), 0))
    graph = b.graph(b.qdq(b.node("dense", x, b.dq(weights)), 0.2))
    _, encodings = _absorbed(graph)
    assert len(encodings.integers) == 1
    _require_kept(graph)


def test_a_constant_beside_activations() -> None:
    b = _Builder()
    x = b.qdq(b.input(1, 4), 0.1)
    y = b.node("add", x, b.dq(b.integers(np.int8, (1, 4), Quant.per_tensor(0.02, 7))))
    _require_kept(b.graph(b.qdq(y, 0.1)), tolerance=0.101)


@pytest.mark.parametrize("dtype", [DType.S8, DType.U8])
def test_integer_ports(dtype: DType) -> None:
    """The input is integers in the file already, dequantized for its readers; an output is the integers of a Q."""
    b = _Builder()
    quant = Quant.per_tensor(0.1, 3)
    port = b.declare((1, 4), dtype, quant)
    b.inputs.append(port)
    y = b.q(b.node("relu", b.dq(port)), 0.1, -128)
    graph = b.graph(y)
    after, _ = _absorbed(graph)
    assert "quantize" in [node.op for node in after.nodes]
    made = quantize(run_passes(graph, normalization())[0], None, Scheme(), Rounding.SINGLE).graph
    verify(made, OPS)
    assert made.types[made.inputs[0]].dtype is dtype
    assert made.types[made.outputs[0]].quant == Quant.per_tensor(0.1, -128)
    integers = np.array([[0, 3, 90, 127]], dtype.numpy)
    (out,) = made.outputs
    found = evaluate(made, [integers])[out]
    reals = np.maximum((integers.astype(int) - 3) * 0.1, 0)
    np.testing.assert_array_equal(found, np.rint(reals / 0.1) - 128)
    lowered, _ = run_passes(made, pipeline())
    np.testing.assert_array_equal(kernel_library.run(build_program(lowered, "net"), [integers])[0], found)


def test_an_output_behind_a_pair_keeps_its_origin() -> None:
    b = _Builder()
    y = b.qdq(b.node("relu", b.qdq(b.input(1, 4), 0.1)), 0.1)
    graph = b.graph(y)
    after, _ = _absorbed(graph)
    assert after.origins[after.outputs[0]].name == y
    assert after.origins[after.inputs[0]].name == graph.inputs[0]


def test_an_input_that_is_only_quantized() -> None:
    b = _Builder()
    y = b.qdq(b.input(1, 4), 0.1)
    graph = b.graph(y)
    after, encodings = _absorbed(graph)
    assert after.outputs == after.inputs
    assert encodings.values[after.inputs[0]] == _s8(0.1)
    _require_kept(graph)


def test_pairs_around_moves() -> None:
    """A transpose between Q and DQ, or outside of both, is in one encoding all the way."""
    b = _Builder()
    x = b.input(1, 2, 3, 4)
    y = b.dq(b.transpose(b.q(x, 0.1), (0, 2, 3, 1)))
    y = b.qdq(b.reshape(y, 1, 24), 0.1)
    z = b.qdq(b.transpose(b.qdq(b.node("relu", y), 0.1), (1, 0)), 0.1)
    made = _require_kept(b.graph(z))
    assert "requantize" not in [node.op for node in made.nodes]


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(seed: int) -> None:
    """What remains is the same float function; no node is left whose output is read as reals."""
    graph, _ = run_passes(random_float_graph(seed, 8), normalization(input_layout="keep"))
    after, encodings = absorb(graph)
    verify(after, OPS)
    assert not any(node.op in ("quantize", "dequantize") for node in after.nodes)
    assert all(v in after.types for v in (*encodings.values, *encodings.integers))
    inputs = float_inputs(graph, 0)
    before = evaluate_float(graph, inputs)
    found = evaluate_float(after, inputs)
    for a, c in zip(after.outputs, graph.outputs, strict=True):
        np.testing.assert_allclose(found[a], before[c], rtol=1e-5, atol=1e-5)


class TestSpread:
    """Encodings that follow from others."""

    def test_over_moves_in_both_directions(self) -> None:
        b = _Builder()
        x = b.input(1, 4)
        y = b.reshape(x, 4)
        z = b.node("slice", y, begin=(0,), size=(2,), stride=(1,))
        assert spread(b.graph(z), {y: _s8(0.1)}) == dict.fromkeys((x, y, z), _s8(0.1))

    def test_not_to_what_others_read(self) -> None:
        """What is read elsewhere may hold more reals than the part that a move takes."""
        b = _Builder()
        x = b.input(4)
        y = b.node("slice", x, begin=(0,), size=(2,), stride=(1,))
        assert x not in spread(b.graph(y, x), {y: _s8(0.1)})
        assert x not in spread(b.graph(y, b.node("add", x, x)), {y: _s8(0.1)})

    def test_to_what_others_read_alike(self) -> None:
        b = _Builder()
        x = b.input(4)
        parts = [b.node("slice", x, begin=(n,), size=(2,), stride=(1,)) for n in (0, 2)]
        graph = b.graph(*parts)
        assert spread(graph, dict.fromkeys(parts, _s8(0.1)))[x] == _s8(0.1)
        assert x not in spread(graph, {parts[0]: _s8(0.1), parts[1]: _s8(0.2)})
        assert x not in spread(graph, {parts[0]: _s8(0.1)})

    def test_to_what_is_joined_only_if_all_parts_agree(self) -> None:
        b = _Builder()
        x, y = b.input(4), b.input(4)
        z = b.node("concat", x, y, axis=0)
        graph = b.graph(z)
        assert z not in spread(graph, {x: _s8(0.1)})
        assert z not in spread(graph, {x: _s8(0.1), y: _s8(0.2)})
        assert spread(graph, {x: _s8(0.1), y: _s8(0.1)})[z] == _s8(0.1)
        assert spread(graph, {z: _s8(0.1)}) == dict.fromkeys((x, y, z), _s8(0.1))

    def test_not_where_a_constant_is_larger(self) -> None:
        b = _Builder()
        x = b.input(4)
        small, large = (b.constant(np.full(4, v, np.float32)) for v in (0.5, 50))
        fits, exceeds = b.node("concat", x, small, axis=0), b.node("concat", x, large, axis=0)
        found = spread(b.graph(fits, exceeds), {x: _s8(0.1)})
        assert found[fits] == _s8(0.1)
        assert exceeds not in found

    def test_over_clamps_and_means(self) -> None:
        b = _Builder()
        x = b.input(1, 4)
        y = b.node("relu", x)
        z = b.node("mean", y, axes=(1,), keep_dims=True)
        graph = b.graph(z)
        assert spread(graph, {x: _s8(0.1)}) == dict.fromkeys((x, y, z), _s8(0.1))
        assert spread(graph, {y: _s8(0.1)}) == dict.fromkeys((x, y, z), _s8(0.1))
        assert spread(graph, {z: _s8(0.1)}) == {z: _s8(0.1)}
        assert spread(graph, {x: _s8(0.1)}, moves_only=True) == {x: _s8(0.1)}

    def test_not_over_what_computes(self) -> None:
        b = _Builder()
        x = b.input(1, 4)
        y = b.node("tanh", x)
        assert spread(b.graph(b.node("add", y, y)), {x: _s8(0.1)}) == {x: _s8(0.1)}
