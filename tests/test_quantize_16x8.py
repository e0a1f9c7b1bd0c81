"""16-bit activations with 8-bit weights, for a whole model or for some layers: C = evaluation, near the floats."""

from collections.abc import Sequence
from typing import Any

import kernel_library
import numpy as np
import pytest
import small_onnx
from float_graphs import CONTINUOUS, float_inputs, random_float_graph

from edgeq.evaluate import evaluate, evaluate_float
from edgeq.fixedpoint import Rounding
from edgeq.frontend import Calibration
from edgeq.importers import import_model
from edgeq.ir import Graph, TensorType
from edgeq.ir.tensor import dequantize
from edgeq.ops.quantize import quantize_array
from edgeq.passes import NORMALIZE, pipeline, run_passes
from edgeq.program import Program, build_program
from edgeq.quantize.quantizer import quantize
from edgeq.quantize.scheme import Rule, Scheme
from edgeq.quantize.stream import Noise

_WIDE = Scheme(activations="int16")


def _normalized(data: bytes) -> Graph:
    return run_passes(import_model(data, "net.onnx"), NORMALIZE)[0]


def _samples(graph: Graph, count: int) -> list[list[Any]]:
    return [float_inputs(graph, seed) for seed in range(count)]


def _compile(graph: Graph, scheme: Scheme, rounding: Rounding, samples: Sequence[list[Any]]) -> Program:
    """From normalized floats to a program."""
    data = Calibration(samples).load(graph)
    quantized = quantize(graph, data, scheme, rounding).graph
    return build_program(run_passes(quantized, pipeline())[0], "net")


def _sqnr(graph: Graph, program: Program, samples: Sequence[list[Any]]) -> float:
    """Of all outputs, in dB; C computes what the evaluation does."""
    noise = Noise()
    for reals in samples:
        inputs = [_as(x, port.type) for x, port in zip(reals, program.inputs, strict=True)]
        values, wanted = evaluate(program.graph, inputs), evaluate_float(graph, reals)
        found = kernel_library.run(program, inputs)
        for port, array, name in zip(program.outputs, found, graph.outputs, strict=True):
            np.testing.assert_array_equal(array, values[port.value])
            if graph.types[name].dtype.is_float:
                noise.add(wanted[name].reshape(1, -1), dequantize(array, port.type).reshape(1, -1))
    return noise.sqnr


def _as(x: Any, type_: TensorType) -> Any:
    """Reals for a port, which stays of floats where nothing reads it."""
    return x if type_.quant is None else quantize_array(x, type_)


def _widths(program: Program) -> list[tuple[str, str, str]]:
    """Op, element types of the first input and of the output."""
    types = program.graph.types
    return [(n.op, types[n.inputs[0]].dtype.value, types[n.outputs[0]].dtype.value) for n in program.graph.nodes]


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("name", ["convolutions", "attention"])
def test_whole_models(name: str, rounding: Rounding) -> None:
    graph = _normalized(small_onnx.SEEDS[name]())
    samples = _samples(graph, 8)
    wide = _compile(graph, _WIDE, rounding, samples)
    assert all("s8" not in widths for widths in _widths(wide))
    assert _sqnr(graph, wide, samples) >= 34
    assert not any(node.op in ("relu", "relu6", "clip") for node in wide.graph.nodes), "clamps are part of layers"


_MIXES = {
    "first": ("first", {("conv2d", "s8", "s16"), ("dense", "s8", "s8")}),
    "second": ("second", {("depthwise_conv2d", "s8", "s16"), ("conv2d", "s8", "s8")}),
    "sums": ("add", {("add", "s16", "s16"), ("conv2d", "s8", "s8"), ("depthwise_conv2d", "s8", "s8")}),
    "input": ("image", {("requantize", "s16", "s8"), ("conv2d", "s8", "s8")}),
}


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("name", _MIXES)
def test_one_layer_in_16_bits(name: str, rounding: Rounding) -> None:
    pattern, expected = _MIXES[name]
    graph = _normalized(small_onnx.convolutions())
    samples = _samples(graph, 8)
    rules = (Rule(f"*{pattern}*", {"activations": "int16"}),)
    program = _compile(graph, Scheme(outputs="int8", layers=rules), rounding, samples)
    assert expected <= {*_widths(program)}
    assert _sqnr(graph, program, samples) >= 20


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("name", ["conv2d", "dense"])
def test_one_layer_in_8_bits(name: str, rounding: Rounding) -> None:
    graph = _normalized(small_onnx.convolutions())
    samples = _samples(graph, 8)
    scheme = Scheme(activations="int16", outputs="int8", layers=(Rule(name, {"activations": "int8"}),))
    program = _compile(graph, scheme, rounding, samples)
    assert (name, "s8", "s8") in _widths(program)
    assert _sqnr(graph, program, samples) >= 20


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(seed: int) -> None:
    """All of one width, and each value of a width of its own."""
    rng = np.random.default_rng(seed)
    graph, _ = run_passes(random_float_graph(seed, int(rng.integers(1, 10)), CONTINUOUS), NORMALIZE)
    if any(node.op in ("quantize", "dequantize") for node in graph.nodes):
        return  # says itself what its values are
    samples = _samples(graph, 3)
    names = [v for node in graph.nodes for v in node.outputs if graph.types[v].dtype.is_float]
    rules = tuple(Rule(v, {"activations": "int16"}) for v in names if rng.random() < 0.5)
    rounding = list(Rounding)[seed % 3]
    for scheme in (_WIDE, Scheme(layers=rules, outputs="int8")):
        _sqnr(graph, _compile(graph, scheme, rounding, samples), samples)


@pytest.mark.parametrize("rounding", Rounding)
def test_a_pool_has_a_range_of_its_own(rounding: Rounding) -> None:
    """Means of noise are far smaller than the noise: in its range, seven bits would be lost."""
    writer = small_onnx.OnnxWriter()
    pooled = writer.add("AveragePool", "x", kernel_shape=[16, 16], strides=[16, 16])
    for scheme, least in ((Scheme(), 28), (_WIDE, 60)):
        graph = _normalized(writer.build({"x": (1, 2, 32, 32)}, [pooled]))
        samples = _samples(graph, 8)
        program = _compile(graph, scheme, rounding, samples)
        assert _sqnr(graph, program, samples) >= least


@pytest.mark.parametrize("width", ["int8", "int16"])
def test_padding_that_counts(width: str) -> None:
    writer = small_onnx.OnnxWriter()
    pads: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}
    graph = _normalized(writer.build({"x": (1, 2, 6, 6)}, [writer.add("AveragePool", "x", **pads)]))
    samples = _samples(graph, 8)
    program = _compile(graph, Scheme(activations=width), Rounding.SINGLE, samples)
    assert [node.op for node in program.graph.nodes] == ["pad", "avg_pool2d"]
    assert _sqnr(graph, program, samples) >= (60 if width == "int16" else 35)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax", "LpNormalization"])
@pytest.mark.parametrize(("size", "least"), [(10, 65), (1000, 33)])
def test_what_is_normalized(op: str, size: int, least: float) -> None:
    """Of long rows the softmax of TFLite is as far off as that."""
    writer = small_onnx.OnnxWriter()
    y = writer.add("Neg", writer.add(op, "x", axis=-1))
    graph = _normalized(writer.build({"x": (4, size)}, [y]))
    samples = _samples(graph, 8)
    program = _compile(graph, _WIDE, Rounding.SINGLE, samples)
    assert all("s8" not in widths for widths in _widths(program))
    assert _sqnr(graph, program, samples) >= (least if op == "Softmax" else 65)


@pytest.mark.parametrize(("op", "least"), [("Log", 55), ("Sqrt", 65), ("Reciprocal", 45), ("Exp", 40), ("Sigmoid", 65)])
def test_functions_that_bend(op: str, least: float) -> None:
    """Tables of 513 results alone would leave 12, 40 and 5 dB of the first three.

    The exponential's outliers make its range, and the headroom over them takes 12 dB of the many small results.
    """
    writer = small_onnx.OnnxWriter()
    x = writer.add("Add", writer.add("Abs", "x"), writer.constant(np.float32(0.1)))
    graph = _normalized(writer.build({"x": (4, 1000)}, [writer.add(op, x)]))
    samples = _samples(graph, 8)
    for rounding in Rounding:
        assert _sqnr(graph, _compile(graph, _WIDE, rounding, samples), samples) >= least
