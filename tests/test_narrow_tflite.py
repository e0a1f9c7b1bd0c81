"""TFLite files with weights of 4 and 2 bits: packed as they are in the file, and what LiteRT computes with them."""

from typing import Any

import kernel_library
import numpy as np
import oracle
import pytest
from shared import MODELS, requires_shared
from tflite_writer import TfliteWriter

from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate, evaluate_float
from edgeq.frontend import Calibration, ModelFile, prepare
from edgeq.importers import import_model
from edgeq.ir import DType
from edgeq.program import build_program

_DEPTH = 3
_LAYERS = {
    "CONV_2D": ("Conv2DOptions", {"strideH": 1, "strideW": 2, "dilationHFactor": 1, "dilationWFactor": 1}),
    "DEPTHWISE_CONV_2D": (
        "DepthwiseConv2DOptions",
        {"strideH": 2, "strideW": 2, "dilationHFactor": 1, "dilationWFactor": 1, "depthMultiplier": 1},
    ),
    "FULLY_CONNECTED": ("FullyConnectedOptions", {"keepNumDims": False}),
}


def _model(name: str, bits: int = 4) -> bytes:
    """One layer with an odd number of weights, per channel."""
    rng = np.random.default_rng(bits)
    shape = {"CONV_2D": (5, 3, 3, _DEPTH), "DEPTHWISE_CONV_2D": (1, 3, 3, _DEPTH), "FULLY_CONNECTED": (5, 75)}[name]
    axis = 3 if name == "DEPTHWISE_CONV_2D" else 0
    half, channels = 1 << (bits - 1), shape[axis]
    m = TfliteWriter()
    x = m.tensor((1, 5, 5, _DEPTH), scale=0.05, zero_point=3)
    scales = rng.uniform(0.02, 0.1, channels).astype(np.float32)
    weights = m.packed(rng.integers(-half + 1, half, shape), bits, scale=scales, axis=axis)
    bias = m.constant(rng.integers(-99, 99, channels).astype(np.int32), scale=scales * np.float32(0.05))
    out = {"CONV_2D": (1, 5, 3, 5), "DEPTHWISE_CONV_2D": (1, 3, 3, _DEPTH), "FULLY_CONNECTED": (1, 5)}[name]
    y = m.tensor(out, scale=0.1, zero_point=-7)
    options, fields = _LAYERS[name]
    m.operator(name, [x, weights, bias], [y], options, **fields)
    return m.build([x], [y])


@pytest.mark.parametrize("name", _LAYERS)
def test_int4_weights_stay_packed_and_give_what_litert_gives(name: str) -> None:
    model = _model(name)
    graph = import_model(model, "m.tflite")
    assert [graph.types[v].dtype for v in graph.constants if v.startswith("t1")] == [DType.S4]
    program = build_program(graph, "net")
    assert "_packed_" in program.kernels[0].name
    for seed in range(4):
        x = np.random.default_rng(seed).integers(-128, 128, (1, 5, 5, _DEPTH)).astype(np.int8)
        ours = evaluate(graph, [x])[graph.outputs[0]].reshape(-1)
        np.testing.assert_array_equal(kernel_library.run(program, [x])[0].reshape(-1), ours)
        np.testing.assert_array_equal(oracle.run_litert(model, [x])[0].reshape(-1), ours)


@pytest.mark.parametrize("name", _LAYERS)
def test_int2_weights_stay_packed(name: str) -> None:
    graph = import_model(_model(name, bits=2), "m.tflite")
    assert [graph.types[v].dtype for v in graph.constants if v.startswith("t1")] == [DType.S2]
    program = build_program(graph, "net")
    x = np.random.default_rng(0).integers(-128, 128, (1, 5, 5, _DEPTH)).astype(np.int8)
    found = kernel_library.run(program, [x])[0]
    np.testing.assert_array_equal(found.reshape(-1), evaluate(graph, [x])[graph.outputs[0]].reshape(-1))


def _broken(change: Any) -> bytes:
    m = TfliteWriter()
    x = m.tensor((1, 4), np.float32)
    scales = np.full((2, 2), 0.5, np.float16)
    y = m.tensor((1, 2), np.float32)
    weights = change(m, scales)
    m.operator("FULLY_CONNECTED", [x, weights], [y], "FullyConnectedOptions")
    return m.build([x], [y])


def _of_bytes(count: int) -> Any:
    """Eight integers of 4 bits in so many bytes."""

    def change(m: TfliteWriter, _: Any) -> int:
        index = m.packed(np.zeros((2, 4), int), scale=0.5)
        m.buffers[m.tensors[index].buffer].data = np.zeros(count, np.uint8)
        return index

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_of_bytes(3), "needs 4 bytes of data for 8 integers of 4 bits, its buffer has 3"),
        (_of_bytes(5), "needs 4 bytes of data for 8 integers of 4 bits, its buffer has 5"),
        (lambda m, _: m.packed(np.zeros((2, 4), int), scale=np.nan), r"no positive finite number: \(nan,\); accepted"),
        (
            lambda m, _: m.packed(np.zeros((2, 4), int), scale=-0.5),
            r"number: \(-0.5,\); accepted: finite numbers above 0",
        ),
        (lambda m, s: m.blockwise(np.zeros((2, 4), int), s, 0), "has blocks of 0; accepted: matrices, blocks of 1"),
        (lambda m, s: m.blockwise(np.zeros((2, 4), int), s * np.float16(np.nan), 2), "no finite numbers"),
        (
            lambda m, s: m.blockwise(np.zeros((2, 4), int), s, 3),
            r"has blocks of 3; accepted: matrices, blocks of 1 and more",
        ),
        (lambda m, s: m.blockwise(np.zeros((2, 4), int), s[:1], 2), "has 2 scales; accepted: 4, one per block"),
        (lambda m, s: m.blockwise(np.zeros((2, 4), int), -s, 2), "a scale of -0.5; accepted: finite scales above 0"),
        (lambda m, s: m.blockwise(np.zeros((2, 4), int), s.astype(np.int8), 2), "has scales of INT8; accepted"),
    ],
)
def test_broken_weights_are_refused_in_words(change: Any, says: str) -> None:
    with pytest.raises(EdgeqError, match=says):
        import_model(_broken(change), "m.tflite")


def test_blocks_in_a_float_model_mean_reals() -> None:
    integers = np.arange(-4, 4).reshape(2, 4)
    scales = np.array([[0.5, 2], [1, 0.25]], np.float16)
    graph = import_model(_broken(lambda m, _: m.blockwise(integers, scales, 2)), "m.tflite")
    x = np.array([[1, 2, 3, 4]], np.float32)
    found = evaluate_float(graph, [x])[graph.outputs[0]]
    np.testing.assert_array_equal(found, x @ (integers * np.repeat(scales, 2, axis=1)).T.astype(np.float32))


def test_int4_elsewhere_is_refused() -> None:
    m = TfliteWriter()
    x = m.tensor((1, 4), scale=0.5)
    y = m.tensor((1, 4), scale=0.5)
    m.operator("ADD", [x, m.packed(np.zeros((1, 4), int), scale=0.5)], [y], "AddOptions")
    with pytest.raises(EdgeqError, match=r"s4.*accepted: as weights of CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED"):
        import_model(m.build([x], [y]), "m.tflite")


@requires_shared
def test_a_matrix_of_blocks_from_a_language_model_is_read_and_quantized() -> None:
    """LiteRT's default kernels round each input row to 8 bits; its reference kernels know no blocks."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter
    path = MODELS / "litert_qwen_fc_int4_blockwise.tflite"
    samples = np.random.default_rng(0).normal(size=(40, 1, 1, 1024)).astype(np.float32)
    imported = import_model(path.read_bytes(), path.name)
    integers = prepare(ModelFile.read(path), calibration=Calibration(samples[:32])).graph
    runtime = interpreter(str(path))
    runtime.allocate_tensors()
    for x in samples[32:]:
        runtime.set_tensor(runtime.get_input_details()[0]["index"], x)
        runtime.invoke()
        theirs = runtime.get_tensor(runtime.get_output_details()[0]["index"]).reshape(-1)
        assert _sqnr(theirs, evaluate_float(imported, [x])[imported.outputs[0]]) > 38
        assert _sqnr(theirs, evaluate(integers, [x])[integers.outputs[0]]) > 30


def _sqnr(right: Any, found: Any) -> float:
    """In dB."""
    return float(10 * np.log10(np.square(right).sum() / np.square(found.reshape(-1) - right).sum()))
