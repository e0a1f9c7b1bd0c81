"""The integer graph computes what the float graph computes with rounded values, and lowers to C that does the same."""

import kernel_library
import numpy as np
import pytest
from float_graphs import CONTINUOUS, FloatBuilder, float_inputs, random_float_graph
from random_encodings import MODES, Encoded, encode_all, random_encoded

from edgeq.errors import UnsupportedModelError
from edgeq.evaluate import evaluate, evaluate_float
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph, Origin, Quant
from edgeq.ir.tensor import dequantize
from edgeq.ir.verify import verify
from edgeq.ops import OPS
from edgeq.passes import normalization, pipeline, run_passes
from edgeq.program import build_program
from edgeq.quantize.absorb import absorb
from edgeq.quantize.apply import apply_encodings, bias_scales, recast
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.stream import Noise, fake_quantize, simulate

_SEEDS = 60


def _integers(encoded: Encoded, rounding: Rounding = Rounding.SINGLE) -> Graph:
    graph = apply_encodings(encoded.graph, encoded.encodings, rounding)
    verify(graph, OPS)
    assert graph.rounding is rounding
    return graph


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(_SEEDS))
def test_integers_stand_for_the_reals(seed: int, mode: str) -> None:
    """Every float value that has integers of its own name; errors of some steps grow along the graph."""
    encoded = random_encoded(seed, mode)
    graph = _integers(encoded)
    inputs = float_inputs(encoded.graph, 0)
    found = evaluate(graph, inputs)
    wanted = evaluate_float(encoded.graph, inputs, simulate(encoded.activations()))
    for value, encoding in encoded.activations().items():
        if value in encoded.graph.constants or value in encoded.graph.inputs:
            continue
        assert graph.types[value].quant == encoding.quant
        reals = dequantize(found[value], graph.types[value])
        noise = Noise()
        noise.add(wanted[value], reals)
        assert noise.sqnr > 20 or np.abs(reals - wanted[value]).max() <= 5 * encoding.quant.scale[0], value


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rounding", [Rounding.SINGLE, Rounding.FLOAT32])
def test_c_computes_the_same(mode: str, rounding: Rounding) -> None:
    for seed in range(_SEEDS):
        encoded = random_encoded(seed, mode)
        before = _integers(encoded, rounding)
        graph, _ = run_passes(before, pipeline(float_ports=True))
        inputs = float_inputs(encoded.graph, 1)
        results = kernel_library.run(build_program(graph, "net"), inputs)
        ours, earlier = evaluate(graph, inputs), evaluate(before, inputs)
        for result, port, old in zip(results, graph.outputs, before.outputs, strict=True):
            np.testing.assert_array_equal(result, ours[port], err_msg=f"seed {seed}")
            np.testing.assert_array_equal(result, earlier[old], err_msg=f"seed {seed}")


def _builder() -> FloatBuilder:
    return FloatBuilder(np.random.default_rng(0))


def _s8(scale: float, zero: int = 0) -> Encoding:
    return Encoding(DType.S8, Quant.per_tensor(scale, zero))


def _s16(scale: float) -> Encoding:
    return Encoding(DType.S16, Quant.per_tensor(scale, 0))


def _ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def test_a_move_of_one_operand_is_done_before_it_is_converted() -> None:
    b = _builder()
    x = b.input(1, 4, 4, 1)
    y = b.node("max_pool2d", x, kernel=(4, 4))
    graph = apply_encodings(b.graph(y), Encodings({x: _s8(0.1), y: _s8(0.05)}))
    assert _ops(graph) == ["quantize", "max_pool2d", "requantize", "dequantize"]


def test_a_constant_beyond_the_operand_is_not_clipped() -> None:
    """The operand's encoding holds -1.28 to 1.27, that of the result 12.7."""
    b = _builder()
    x = b.input(1, 2)
    y = b.node("concat", x, b.constant(np.array([[9.0]], np.float32)), axis=1)
    encodings = Encodings({x: _s8(0.01), y: _s8(0.1), b.nodes[0].inputs[1]: _s8(0.1)})
    graph = apply_encodings(b.graph(y), encodings)
    (out,) = graph.outputs
    np.testing.assert_allclose(evaluate(graph, [np.array([[1, -1]], np.float32)])[out], [[1, -1, 9]], atol=1e-6)


def test_a_value_is_converted_once_for_all_readers() -> None:
    b = _builder()
    x = b.input(1, 4)
    a, c = b.node("add", x, x), b.node("mul", x, x)
    graph = apply_encodings(b.graph(a, c), Encodings({x: _s8(0.1), a: _s16(1e-3), c: _s16(1e-3)}))
    assert _ops(graph).count("requantize") == 1


def test_a_reading_is_used() -> None:
    """What a node of another type reads is rounded as it is said to be, not by the range of the value's integers."""
    b = _builder()
    x = b.input(1, 4)
    y = b.node("mul", x, x)
    readings = {(x, DType.S8): _s8(0.01, 5)}
    graph = apply_encodings(b.graph(y), Encodings({x: _s16(1e-3), y: _s8(0.1)}, readings=readings))
    (convert,) = (node for node in graph.nodes if node.op == "requantize")
    assert graph.types[convert.outputs[0]].quant == readings[x, DType.S8].quant


def test_an_input_that_is_an_output() -> None:
    """It is rounded as the integers that it has; unread it would be a float."""
    b = _builder()
    x, y = b.input(1, 4), b.input(1, 4)
    z = b.node("relu", y)
    graph = apply_encodings(b.graph(x, z), Encodings({v: _s8(0.1) for v in (x, y, z)}))
    verify(graph, OPS)
    values = np.array([[0.33, -0.58, 1.02, 99]], np.float32)
    first = evaluate(graph, [values, values])[graph.outputs[0]]
    np.testing.assert_allclose(first, fake_quantize(values, _s8(0.1)))


def test_an_input_that_nobody_reads_needs_no_encoding() -> None:
    b = _builder()
    b.input(1, 4)
    y = b.node("relu", b.input(1, 4))
    graph = apply_encodings(b.graph(y), Encodings({b.inputs[1]: _s8(0.1), y: _s8(0.1)}))
    assert graph.inputs == tuple(b.inputs)


def test_a_constant_that_is_an_output() -> None:
    b = _builder()
    y, constant = b.node("relu", b.input(1, 4)), b.reals(3)
    graph = apply_encodings(b.graph(y, constant), Encodings({b.inputs[0]: _s8(0.1), y: _s8(0.1)}))
    verify(graph, OPS)
    assert graph.types[graph.outputs[1]].dtype is DType.F32


@pytest.mark.parametrize("op", ["softmax", "log_softmax", "l2_normalize"])
@pytest.mark.parametrize("read", [DType.S8, DType.S16])
@pytest.mark.parametrize("made", [DType.S8, DType.S16])
def test_ops_with_an_encoding_of_their_own(op: str, read: DType, made: DType) -> None:
    """Whatever types are wanted around them: they compute in those that they have."""
    b = _builder()
    x = b.input(2, 6)
    graph = b.graph(b.node(op, x))
    y = graph.outputs[0]
    narrow = _s8(0.08, 127) if op == "log_softmax" else _s8(0.01)
    values = {x: _s8(0.05) if read is DType.S8 else _s16(2e-4), y: narrow if made is DType.S8 else _s16(4e-4)}
    integers = apply_encodings(graph, Encodings(values))
    inputs = float_inputs(graph, 0)
    found = evaluate(integers, inputs)[integers.outputs[0]]
    wanted = evaluate_float(graph, inputs)[y]
    np.testing.assert_allclose(found, np.maximum(wanted, -13.2), atol=0.15 if op == "log_softmax" else 0.04)
    lowered, _ = run_passes(integers, pipeline(float_ports=True))
    np.testing.assert_array_equal(kernel_library.run(build_program(lowered, "net"), inputs)[0], found)


def test_integers_that_are_given_are_kept() -> None:
    b = _builder()
    x = b.input(1, 4)
    weights, bias = b.reals(3, 4), b.reals(3)
    y = b.node("dense", x, weights, bias)
    chosen = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    per_channel = Encoding(DType.S8, Quant((0.5, 0.25, 0.125), (0, 0, 0), 0))
    steps = np.array([7, -8, 9], np.int32)
    fitting = Encoding(DType.S32, Quant(tuple(0.1 * s for s in per_channel.quant.scale), (0, 0, 0), 0))
    for encoding, kept in ((fitting, True), (Encoding(DType.S32, Quant.per_tensor(0.1, 0)), False)):
        values = {x: _s8(0.1), y: _s8(0.1), weights: per_channel, bias: encoding}
        graph = apply_encodings(b.graph(y), Encodings(values, {weights: chosen, bias: steps}))
        (dense,) = (node for node in graph.nodes if node.op == "dense")
        np.testing.assert_array_equal(graph.constants[dense.inputs[1]], chosen)
        scales = bias_scales(float(np.float32(0.1)), graph.types[dense.inputs[1]], (3,))
        rounded = np.rint(b.constants[bias].astype(np.float64) / scales)  # where its steps are not those of the sums
        np.testing.assert_array_equal(graph.constants[dense.inputs[2]], steps if kept else rounded)


def test_sixteen_bits_beside_a_layer_have_a_wide_bias() -> None:
    b = _builder()
    x = b.input(1, 4)
    weights, bias = b.reals(3, 4), b.reals(3)
    y = b.node("dense", x, weights, bias)
    per_channel = Encoding(DType.S8, Quant((0.02,) * 3, (0,) * 3, 0))
    narrow, wide = _s8(0.1), _s16(1e-3)
    for read, made in ((wide, wide), (narrow, wide), (wide, narrow)):
        graph = apply_encodings(b.graph(y), Encodings({x: read, y: made, weights: per_channel}))
        (dense,) = (node for node in graph.nodes if node.op == "dense")
        types = [graph.types[v].dtype for v in dense.inputs]
        assert types == ([DType.S16, DType.S8, DType.S64] if read is made else [DType.S8, DType.S8, DType.S32])


def test_what_cannot_be_done_is_listed() -> None:
    """All of it at once: a value without encoding, weights and biases from run time, a bias beyond int32."""
    b = _builder()
    x = b.input(1, 4)
    unknown = b.node("tanh", x)
    dynamic = b.node("dense", x, b.node("reshape", b.node("concat", x, x, axis=0), shape=(2, 4)))
    shifted = b.node("dense", x, b.reals(4, 4), b.node("reshape", x, shape=(4,)))
    huge = b.node("dense", x, b.reals(1, 4), b.constant(np.array([1e9], np.float32)))
    graph = b.graph(b.node("relu", unknown), dynamic, shifted, huge)
    values = {v: _s8(0.1) for v, t in graph.types.items() if v != unknown and len(t.shape) > 1}
    values |= {v: _s8(0.1) for v in (b.nodes[-2].inputs[2], b.nodes[-2].inputs[0])}
    weights = [node.inputs[1] for node in graph.nodes if node.op == "dense" and node.inputs[1] in graph.constants]
    values |= {v: Encoding(DType.S8, Quant.per_tensor(0.01, 0)) for v in weights}
    with pytest.raises(UnsupportedModelError) as caught:
        apply_encodings(graph, Encodings(values))
    text = str(caught.value)
    for part in ("nothing says which reals", "weights are computed at run", "bias is computed at run", "int32"):
        assert part in text


def test_an_input_without_an_encoding() -> None:
    b = _builder()
    y = b.node("relu", b.input(1, 4))
    with pytest.raises(UnsupportedModelError, match=r"input v0.*--calibrate"):
        apply_encodings(b.graph(y), Encodings({y: _s8(0.1)}))


def test_ports_keep_their_names_and_orders() -> None:
    b = _builder()
    x = b.input(1, 2, 3, 4)
    y = b.node("relu", x)
    graph = b.graph(y)
    graph = graph.with_(origins={x: Origin("image", 3, perm=(0, 2, 3, 1)), y: Origin("scores", 7)})
    integers = apply_encodings(graph, Encodings({x: _s8(0.1), y: _s8(0.1)}))
    assert integers.origins[integers.inputs[0]] == graph.origins[x]
    assert integers.origins[integers.outputs[0]] == graph.origins[y]
    lowered, _ = run_passes(integers, pipeline())
    assert [lowered.origins[v].name for v in (*lowered.inputs, *lowered.outputs)] == ["image", "scores"]
    assert lowered.origins[lowered.inputs[0]].perm == (0, 2, 3, 1)


def test_recast_keeps_the_range() -> None:
    assert recast(_s8(0.1, -128), DType.S16) == _s16(255 * float(np.float32(0.1)) / 32767)
    assert recast(_s16(1e-3), DType.S8).quant.zero_point == (0,)


def test_graphs_without_normalization() -> None:
    """Transposes and functions written out are there still; only constants are owned by one reader each."""
    kept = ("fold float constants", "remove dead nodes", "own constants")
    for seed in range(40):
        graph = random_float_graph(seed, 5, CONTINUOUS)
        graph, _ = run_passes(graph, [step for step in normalization() if step.name in kept])
        graph, given = absorb(graph)
        encoded = Encoded(graph, encode_all(graph, given, "s8", np.random.default_rng(seed)))
        _integers(encoded)
