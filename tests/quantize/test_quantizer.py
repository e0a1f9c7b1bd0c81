"""From a float graph and samples to integers, end to end."""

import math
from typing import Any

import kernel_library
import numpy as np
import pytest
from float_graphs import CONTINUOUS, FloatBuilder, float_inputs, random_float_graph
from small_nets import NETS, NetBuilder, calibration, output_sqnr, samples

from edgeq.errors import EdgeqError, UnsupportedModelError
from edgeq.evaluate import evaluate, evaluate_float
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph, Quant
from edgeq.ir.tensor import dequantize
from edgeq.ir.verify import verify
from edgeq.ops import OPS
from edgeq.passes import normalization, pipeline, run_passes
from edgeq.program import build_program
from edgeq.quantize.columns import Port
from edgeq.quantize.data import CalibrationData, load_calibration
from edgeq.quantize.quantizer import Quantized, quantize
from edgeq.quantize.ranges import METHODS
from edgeq.quantize.scheme import Rule, Scheme

_FLOORS = {"classifier": 30, "residual": 33, "joined": 33, "attention": 22, "gated": 27}
"""dB, some below what is reached."""

_FLOORS16 = {"classifier": 42, "residual": 47, "joined": 43, "attention": 42, "gated": 36}


def _quantize(graph: Graph, scheme: Scheme | None = None, data: CalibrationData | None = None) -> Quantized:
    made = quantize(graph, data or calibration(graph, 96), scheme or Scheme(), Rounding.SINGLE)
    verify(made.graph, OPS)
    assert not any(t.dtype.is_float for v, t in made.graph.types.items() if v not in _ports(made.graph))
    return made


def _ports(graph: Graph) -> tuple[str, ...]:
    return (*graph.inputs, *graph.outputs)


def _require_compiles(made: Quantized) -> None:
    """And the C computes what the evaluation of the integer graph says."""
    graph, _ = run_passes(made.graph, pipeline(float_ports=True))
    inputs = samples(made.reference, 1, 5)[0]
    found = kernel_library.run(build_program(graph, "net"), inputs)
    expected = evaluate(made.graph, inputs)
    for result, value in zip(found, made.graph.outputs, strict=True):
        np.testing.assert_array_equal(result, expected[value])


@pytest.mark.parametrize("activations", ["int8", "int16"])
@pytest.mark.parametrize("net", NETS)
def test_nets(net: str, activations: str) -> None:
    made = _quantize(NETS[net](), Scheme(activations=activations))
    assert output_sqnr(made) > (_FLOORS if activations == "int8" else _FLOORS16)[net]
    _require_compiles(made)


@pytest.mark.parametrize(
    "scheme",
    [
        Scheme(symmetric=True),
        Scheme(per_tensor=True),
        Scheme(weight_rounding="nearest", bias_correction=False),
        Scheme(outputs="int8"),
        Scheme(equalize=True),
        Scheme(layers=(Rule("depthwise_conv2d", {"activations": "int16"}),)),
        Scheme(activations="int16", layers=(Rule("conv2d", {"activations": "int8"}),)),
        *(Scheme(method=method) for method in METHODS if method != "moving-average"),
    ],
    ids=str,
)
def test_schemes(scheme: Scheme) -> None:
    made = _quantize(NETS["classifier"](), scheme)
    assert output_sqnr(made) > 18
    _require_compiles(made)


def test_types_are_what_was_asked_for() -> None:
    graph = NETS["classifier"]()
    depthwise = next(node for node in graph.nodes if node.op == "depthwise_conv2d").outputs[0]
    rules = (Rule("depthwise_conv2d", {"activations": "int16"}),)
    types = _quantize(graph, Scheme(layers=rules)).graph.types
    assert types[depthwise].dtype is DType.S16
    assert types[graph.nodes[0].outputs[0]].dtype is DType.S8
    symmetric = _quantize(graph, Scheme(symmetric=True))
    chosen = {t.encoding.quant.zero_point for t in symmetric.tensors if t.method != "given"}
    assert chosen == {(0,)}


def test_runs_are_alike() -> None:
    first, second = (_quantize(NETS["residual"]()) for _ in "ab")
    assert first.graph == second.graph
    assert first.candidates[0].name == second.candidates[0].name


def test_the_record() -> None:
    graph = NETS["classifier"]()
    made = _quantize(graph)
    assert made.samples == 96
    assert made.reference is not made.floats
    assert [layer.node for layer in made.layers] == [n.name for n in graph.nodes if len(n.inputs) == 3]
    assert [c.sqnr for c in made.candidates] == sorted((c.sqnr for c in made.candidates), reverse=True)
    made_values = [*graph.inputs, *(v for node in graph.nodes for v in node.outputs)]
    assert sorted(t.value for t in made.tensors) == sorted(made_values)
    for t in made.tensors:
        assert made.encodings.values[t.value] == t.encoding
        if t.method == "given":
            assert (t.low, t.high, t.sqnr) == (None, None, None)
        else:
            assert t.low is not None
            assert t.high is not None
            assert t.sqnr is not None
            assert t.low <= t.high
            assert t.sqnr > 25
    names = {c.method for c in made.candidates[0].chosen}
    assert {t.method for t in made.tensors} <= names | {"given"}


def test_progress_is_told() -> None:
    graph = NETS["classifier"]()
    told: dict[str, list[int]] = {}

    def track(what: str, steps: int) -> Any:
        told[what] = [steps, 0]
        return lambda: told[what].__setitem__(1, told[what][1] + 1)

    quantize(graph, calibration(graph, 40), Scheme(), Rounding.SINGLE, track)
    assert told == {"observing": [40, 40], "comparing methods": [40, 40], "choosing weights": [4, 4]}
    told.clear()
    quantize(graph, calibration(graph, 40), Scheme(method="mse"), Rounding.SINGLE, track)
    assert list(told) == ["observing", "choosing weights"]


def test_an_empty_set_is_refused() -> None:
    graph = NETS["classifier"]()
    _, nothing = calibration(graph, 4).split(4)
    with pytest.raises(EdgeqError, match="calibration set is empty; accepted: at least one sample"):
        quantize(graph, nothing, Scheme(), Rounding.SINGLE)


def test_a_single_sample() -> None:
    made = _quantize(NETS["classifier"](), data=calibration(NETS["classifier"](), 1))
    assert math.isfinite(output_sqnr(made))
    _require_compiles(made)


def test_constants_that_are_no_numbers_are_refused() -> None:
    b = FloatBuilder(np.random.default_rng(0))
    graph = b.graph(b.node("mul", b.input(1, 2), b.constant(np.array([1, np.nan], np.float32))))
    with pytest.raises(UnsupportedModelError, match="holds NaN or infinity; accepted: finite constants"):
        quantize(graph, calibration(graph), Scheme(), Rounding.SINGLE)


def test_values_that_are_no_numbers_are_named() -> None:
    b = FloatBuilder(np.random.default_rng(0))
    graph = b.graph(b.node("log", b.node("abs", b.input(1, 2))))
    data = load_calibration(np.array([[[1, 2]], [[3, 0]]], np.float32), [Port("v0", (1, 2))])
    with pytest.raises(EdgeqError, match=r'LOG #1 "x" is infinite for sample 1 '):
        quantize(graph, data, Scheme(), Rounding.SINGLE)


def test_without_data_what_is_unknown_is_listed() -> None:
    graph = NETS["residual"]()
    with pytest.raises(UnsupportedModelError, match="nothing says which reals it holds; accepted: --calibrate"):
        quantize(graph, None, Scheme(), Rounding.SINGLE)


def test_a_rule_that_fits_nothing_is_refused() -> None:
    graph = NETS["residual"]()
    with pytest.raises(EdgeqError, match="no layer matches 'lstm'"):
        quantize(graph, calibration(graph), Scheme(layers=(Rule("lstm", {}),)), Rounding.SINGLE)


def test_data_beside_what_the_file_says() -> None:
    """Where it says something that counts, elsewhere the data; nothing is equalized."""
    b = NetBuilder(0)
    x = b.input(1, 8, 8, 3)
    a = b.conv(x, 8)
    scale = Quant.per_tensor(0.1875, -128)
    a = b.node("dequantize", b.node("quantize", a, dtype=DType.S8, quant=scale))
    graph = b.graph(b.dense(b.flat(b.conv(a, 8)), 6))
    made = _quantize(graph, Scheme(equalize=True))
    methods = {t.value: t.method for t in made.tensors}
    given = [v for v, method in methods.items() if method == "given"]
    assert [made.encodings.values[v].quant for v in given] == [scale]
    assert made.notes == ("not equalized: the file says how activations are quantized",)
    assert output_sqnr(made) > 25
    _require_compiles(made)


def test_equalization_says_what_it_did() -> None:
    made = _quantize(NETS["classifier"](), Scheme(equalize=True))
    assert made.notes
    assert all(note.startswith("equalized ") for note in made.notes)


def test_sixteen_bits_are_read_in_eight_as_they_were_observed() -> None:
    """Not by the headroom of 16 bits, which would cost two of the eight."""
    b = NetBuilder(0)
    x = b.conv(b.input(1, 8, 8, 3), 8)
    graph = b.graph(b.dense(b.flat(b.conv(x, 8)), 6))
    rules = (Rule(graph.nodes[0].outputs[0], {"activations": "int16"}),)
    made = _quantize(graph, Scheme(layers=rules))
    (reading,) = (q for (value, dtype), q in made.encodings.readings.items() if value == graph.nodes[0].outputs[0])
    (line,) = (t for t in made.tensors if t.value == graph.nodes[0].outputs[0])
    assert line.encoding.dtype is DType.S16
    assert line.high is not None
    assert reading.quant.scale[0] * 255 < line.high * 1.05
    assert output_sqnr(made) > 28


@pytest.mark.parametrize("activations", ["int8", "int16"])
@pytest.mark.parametrize("seed", range(30))
def test_random_graphs(seed: int, activations: str) -> None:
    graph = random_float_graph(seed, 6, CONTINUOUS)
    graph, _ = run_passes(graph, normalization(input_layout="keep"))
    runs = [float_inputs(graph, s) for s in range(12)]
    arrays = {v: np.stack([run[i] for run in runs]) for i, v in enumerate(graph.inputs)}
    data = load_calibration(arrays, [Port(v, graph.types[v].shape) for v in graph.inputs])
    made = quantize(graph, data, Scheme(activations=activations), Rounding.SINGLE)
    verify(made.graph, OPS)
    values, found = evaluate_float(made.reference, runs[0]), evaluate(made.graph, runs[0])
    for wanted, result in zip(made.reference.outputs, made.graph.outputs, strict=True):
        reals = dequantize(found[result], made.graph.types[result])
        span = max(np.abs(evaluate_float(made.reference, run)[wanted]).max(initial=1e-6) for run in runs)
        assert np.abs(reals - values[wanted]).max() < span * (0.35 if activations == "int8" else 0.1)
    lowered, _ = run_passes(made.graph, pipeline(float_ports=True))
    results = kernel_library.run(build_program(lowered, "net"), runs[0])
    for got, result in zip(results, made.graph.outputs, strict=True):
        np.testing.assert_array_equal(got, found[result])
