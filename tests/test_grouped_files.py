"""Files whose weights have a scale per block: read as integers with factors, and written as such."""

from typing import Any

import kernel_library
import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator
from small_onnx import OnnxWriter
from tflite_writer import TfliteWriter

from edgeq.evaluate import evaluate, evaluate_float
from edgeq.frontend import Calibration, ModelFile, Prepared, data_ports, prepare
from edgeq.importers import import_model
from edgeq.ir import DType, Graph
from edgeq.ops.group_scales import grouped_weights, reals_of_groups
from edgeq.passes import run_passes
from edgeq.program import build_program
from edgeq.quantize.scheme import Scheme

_OPSET = 25


def _scales(rng: np.random.Generator, *shape: int) -> Any:
    return rng.uniform(0.02, 0.1, shape).astype(np.float16)


def _tflite(scales: Any = None) -> tuple[bytes, Any, Any]:
    """A dense layer of 6 outputs and 32 inputs in blocks of 8, and its integers and scales."""
    rng = np.random.default_rng(0)
    m = TfliteWriter()
    integers = rng.integers(-8, 8, (6, 32))
    scales = _scales(rng, 6, 4) if scales is None else scales
    x, y = m.tensor((1, 32), np.float32), m.tensor((1, 6), np.float32)
    m.operator("FULLY_CONNECTED", [x, m.blockwise(integers, scales, 8)], [y], "FullyConnectedOptions")
    return m.build([x], [y]), integers, scales


def _matrix(m: OnnxWriter, kind: str) -> str:
    """A matrix product in blocks of 8 of 32 inputs."""
    integers = m.rng.integers(0, 16, (32, 6)) if kind == "uint4" else m.rng.integers(-8, 8, (32, 6))
    code = TensorProto.UINT4 if kind == "uint4" else TensorProto.INT4
    operands = [m.narrow(integers, code), m.constant(_scales(m.rng, 4, 6).astype(np.float32))]
    operands += [m.narrow(np.full((4, 6), 8), code)] if kind == "uint4" else []
    return m.add("MatMul", "x", m.add("DequantizeLinear", *operands, axis=0, block_size=8))


def _gemm(m: OnnxWriter) -> str:
    integers = m.rng.integers(-2, 2, (6, 32))
    scales = m.constant(_scales(m.rng, 6, 4).astype(np.float32))
    weights = m.add("DequantizeLinear", m.narrow(integers, TensorProto.INT2), scales, axis=1, block_size=8)
    return m.add("Gemm", "x", weights, m.weights(6), transB=1)


def _conv(m: OnnxWriter) -> str:
    integers = m.rng.integers(-127, 128, (5, 32, 2, 2)).astype(np.int8)
    scales = m.constant(_scales(m.rng, 5, 2, 2, 2).astype(np.float32) / 16)
    weights = m.add("DequantizeLinear", m.constant(integers), scales, axis=1, block_size=16)
    return m.add("Conv", m.add("Reshape", "x", m.integers(1, 32, 1, 1)), weights, m.weights(5), pads=[1, 1, 0, 0])


_ONNX = {
    "MatMul int4": (lambda m: _matrix(m, "int4"), DType.S4, (6, 4)),
    "MatMul uint4": (lambda m: _matrix(m, "uint4"), DType.S4, (6, 4)),
    "Gemm int2": (_gemm, DType.S2, (6, 4)),
    "Conv int8": (_conv, DType.S8, (5, 8)),
}


def _prepared(model: bytes, name: str) -> Prepared:
    graph = import_model(model, name)
    samples = np.random.default_rng(1).normal(size=(64, *data_ports(graph)[0].shape)).astype(np.float32)
    return prepare(ModelFile(name, model), calibration=Calibration(list(samples)))


def _weights(graph: Graph) -> tuple[DType, Any, Any]:
    """Of the only layer: type and content of its weights, and its factors."""
    (node,) = (n for n in graph.nodes if n.op in ("conv2d", "dense"))
    return graph.types[node.inputs[1]].dtype, graph.constants[node.inputs[1]], graph.constants[node.inputs[3]]


def _check(prepared: Prepared) -> None:
    """The C computes what the evaluation does, and that is near to what the file means."""
    graph, _ = run_passes(prepared.graph)
    program = build_program(graph, "net")
    assert any("_groups_" in kernel.name for kernel in program.kernels)
    x = graph.types[graph.inputs[0]]
    rng = np.random.default_rng(2)
    given = np.clip(rng.normal(0, 1 / x.scale / 2, x.shape) + x.zero_point, -128, 127).astype(np.int8)
    found = evaluate(graph, [given])[graph.outputs[0]]
    np.testing.assert_array_equal(kernel_library.run(program, [given])[0], found)


def test_the_integers_of_a_tflite_file_stay() -> None:
    model, integers, scales = _tflite()
    imported = import_model(model, "m.tflite")
    x = np.random.default_rng(3).normal(size=(1, 32)).astype(np.float32)
    found = evaluate_float(imported, [x])[imported.outputs[0]]
    right = x @ (integers * np.repeat(scales.astype(float), 8, axis=1)).T
    np.testing.assert_allclose(found, right, atol=0.03)
    prepared = _prepared(model, "m.tflite")
    dtype, kept, factors = _weights(prepared.graph)
    assert dtype is DType.S4
    np.testing.assert_array_equal(kept, integers)
    near = factors / factors.max(axis=1, keepdims=True)
    np.testing.assert_allclose(near, scales / scales.max(axis=1, keepdims=True), atol=0.5 / 128)
    _check(prepared)


@pytest.mark.parametrize("name", _ONNX)
def test_the_integers_of_an_onnx_file_stay(name: str) -> None:
    net, dtype, shape = _ONNX[name]
    m = OnnxWriter(3)
    model = m.build({"x": (1, 32)}, [net(m)], opset=_OPSET)
    prepared = _prepared(model, "m.onnx")
    found, _, factors = _weights(prepared.graph)
    assert (found, factors.shape) == (dtype, shape)
    x = np.random.default_rng(5).normal(size=(1, 32)).astype(np.float32)
    reference = import_model(model, "m.onnx")
    means = evaluate_float(reference, [x])[reference.outputs[0]]
    (right,) = ReferenceEvaluator(onnx.load_model_from_string(model)).run(None, {"x": x})
    assert np.square(means.reshape(right.shape) - right).sum() < 1e-4 * np.square(right).sum()
    _check(prepared)


def test_scales_that_differ_too_much_are_rounded_anew() -> None:
    scales = np.full((6, 4), 0.1, np.float16)
    scales[2, 1] = 0.1 / 400
    model, _, _ = _tflite(scales)
    prepared = _prepared(model, "m.tflite")
    (node,) = (n for n in prepared.graph.nodes if n.op == "dense")
    assert len(node.inputs) < 4
    assert prepared.graph.types[node.inputs[1]].dtype is DType.S8


def test_factors_are_found_again() -> None:
    rng = np.random.default_rng(0)
    integers, factors = rng.integers(-7, 8, (4, 24)), rng.integers(16, 200, (4, 3))
    steps = rng.uniform(0.001, 0.002, (4, 1)).astype(np.float32)
    found = grouped_weights(integers, DType.S4, (steps * factors).astype(np.float32), rows=0)
    assert found is not None
    ratio = factors / found.factors
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape))
    reals = reals_of_groups(integers.astype(np.int8), found.type, found.factors)
    np.testing.assert_allclose(reals, integers * np.repeat(steps * factors, 8, axis=1), rtol=1e-5)


def test_a_group_of_zeros_may_have_any_scale() -> None:
    integers = np.array([[3, -2, 0, 0]])
    found = grouped_weights(integers, DType.S4, np.array([[1.0, 1e-6]], np.float32), rows=0)
    assert found is not None


def _exported() -> Prepared:
    m = OnnxWriter(7)
    x = m.add("Relu", m.add("Conv", "x", m.weights(16, 3, 3, 3), m.weights(16)))
    x = m.add("Relu", m.add("Conv", x, m.weights(12, 16, 3, 3), m.weights(12), group=1))
    x = m.add("Gemm", m.add("Flatten", x), m.weights(10, 192), m.weights(10), transB=1)
    model = m.build({"x": (1, 3, 8, 8)}, [x])
    samples = np.random.default_rng(1).normal(size=(16, 1, 3, 8, 8)).astype(np.float32)
    scheme = Scheme(weights="int4", edges="same", weight_groups=24, weight_rounding="nearest")
    return prepare(ModelFile("m.onnx", model), calibration=Calibration(list(samples)), scheme=scheme)


def test_groups_are_written_as_blocks_and_read_back() -> None:
    """24 weights are one tap and a half of 16 channels, so that blocks have 8."""
    prepared = _exported()
    content = prepared.to_onnx()
    model = onnx.load_model_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == 21
    blocks = [a.i for n in model.graph.node for a in n.attribute if a.name == "block_size"]
    assert sorted(blocks) == [8, 24]
    again = prepare(ModelFile("again.onnx", content))
    for seed in range(4):
        x = np.random.default_rng(seed).normal(size=(1, 3, 8, 8)).astype(np.float32)
        old, new = (evaluate(p.graph, [_for(p.graph, x)])[p.graph.outputs[0]] for p in (prepared, again))
        np.testing.assert_array_equal(new, old)


def _for(graph: Graph, x: Any) -> Any:
    """An image in the order that the graph takes it."""
    return x if graph.types[graph.inputs[0]].shape == x.shape else x.transpose(0, 2, 3, 1)


def test_onnx_runtime_computes_the_same() -> None:
    ort = pytest.importorskip("onnxruntime")
    prepared = _exported()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(prepared.to_onnx(), options, providers=["CPUExecutionProvider"])
    for seed in range(4):
        x = np.random.default_rng(seed).normal(size=(1, 3, 8, 8)).astype(np.float32)
        (theirs,) = session.run(None, {session.get_inputs()[0].name: x})
        ours = evaluate(prepared.graph, [_for(prepared.graph, x)])[prepared.graph.outputs[0]]
        np.testing.assert_allclose(ours.reshape(-1), theirs.reshape(-1), atol=0.02 * np.abs(theirs).max())
