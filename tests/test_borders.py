"""Where numbers enter and leave a TFLite graph: uint8 ports, and QUANTIZE and DEQUANTIZE on constants."""

from typing import Any

import numpy as np
import oracle
import pytest
from tflite_writer import TfliteWriter

import edgeq
from edgeq.errors import EdgeqError
from edgeq.importers import import_model
from edgeq.ir import Graph


def _ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def _random_u8(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def test_uint8_ports_stay_uint8() -> None:
    m = TfliteWriter()
    x = m.tensor((1, 4, 4, 3), np.uint8, scale=0.5, zero_point=3, name="image")
    y = m.tensor((1, 2, 2, 3), np.uint8, scale=0.5, zero_point=3, name="pooled")
    m.operator("MAX_POOL_2D", [x], [y], "Pool2DOptions", strideW=2, strideH=2, filterWidth=2, filterHeight=2)
    data = m.build([x], [y])
    imported = import_model(data, "net.tflite")
    assert _ops(imported) == ["requantize", "max_pool2d", "requantize"]
    assert [imported.nodes[i].source for i in (0, 2)] == ['input #0 "image"', 'output #0 "pooled"']
    model = edgeq.compile(data, name="net")
    ports = [*model.program.inputs, *model.program.outputs]
    assert [(p.name, str(p.type)) for p in ports] == [
        ("image", "u8[1,4,4,3] @0.5+3"),
        ("pooled", "u8[1,2,2,3] @0.5+3"),
    ]
    assert model.program.plan.size == 48 + 4, "conversions are in place; the pool begins a word before its input"
    image = _random_u8(1, 4, 4, 3)
    np.testing.assert_array_equal(model.run(image), oracle.run_litert(data, [image])[0])


def test_a_uint8_input_that_the_model_requantizes_is_read_once() -> None:
    m = TfliteWriter()
    x = m.tensor((1, 64), np.uint8, scale=0.5, zero_point=3)
    q = m.tensor((1, 64), scale=0.3, zero_point=-10)
    r = m.tensor((1, 64), scale=0.3, zero_point=-10)
    y = m.tensor((1, 64), np.uint8, scale=0.2, zero_point=0)
    m.operator("QUANTIZE", [x], [q])
    m.operator("NEG", [q], [r])
    m.operator("QUANTIZE", [r], [y])
    model = edgeq.compile(m.build([x], [y]), name="net")
    kernels = [layer.kernel.name for layer in model.program.layers if layer.kernel]
    assert kernels == ["edgeq_requantize_u8_s8", "edgeq_lookup_s8", "edgeq_requantize_s8_u8"]


def test_a_uint8_output_may_be_listed_twice_and_may_be_an_input() -> None:
    m = TfliteWriter()
    x = m.tensor((1, 4), np.uint8, scale=0.5, zero_point=3)
    y = m.tensor((1, 4), np.uint8, scale=0.5, zero_point=3)
    m.operator("RELU", [x], [y])
    model = edgeq.compile(m.build([x], [y, x, y]), name="net")
    values = np.array([[0, 2, 4, 255]], np.uint8)
    assert [out.tolist() for out in model.run(values)] == [[[3, 3, 4, 255]], [[0, 2, 4, 255]], [[3, 3, 4, 255]]]


def test_uint8_without_a_scale_is_only_moved() -> None:
    m = TfliteWriter()
    x, y = m.tensor((2, 2), np.uint8), m.tensor((4,), np.uint8)
    m.operator("RESHAPE", [x, m.constant(np.array([4], np.int32))], [y])
    graph = import_model(m.build([x], [y]), "net.tflite")
    assert [str(graph.types[v]) for v in (*graph.inputs, *graph.outputs)] == ["u8[2,2]", "u8[4]"]


def _add_constant(constant: Any, before: dict[str, Any], after: dict[str, Any]) -> bytes:
    """The sum of the input and of a constant behind QUANTIZE."""
    m = TfliteWriter()
    x = m.tensor((1, 8), scale=0.5, zero_point=3)
    q = m.tensor((1, 8), **after)
    y = m.tensor((1, 8), scale=0.7, zero_point=-4)
    m.operator("QUANTIZE", [m.constant(constant, **before)], [q])
    m.operator("ADD", [x, q], [y], "AddOptions")
    return m.build([x], [y])


_REALS = np.array([[-99, -0.75, -0.25, 0, 0.25, 0.74, 3e38, -3e38]], np.float32)
_BYTES = np.array([[0, 1, 7, 77, 127, 128, 254, 255]], np.uint8)


@pytest.mark.parametrize(
    ("constant", "before"),
    [
        (np.clip(_REALS, -1e8, 1e8), {}),
        (_BYTES.view(np.int8), {"scale": 0.31, "zero_point": 5}),
        (_BYTES, {"scale": 0.31, "zero_point": 131}),
    ],
    ids=["f32", "s8", "u8"],
)
def test_a_constant_behind_quantize_is_computed_at_import(constant: Any, before: dict[str, Any]) -> None:
    data = _add_constant(constant, before, {"scale": 0.5, "zero_point": -7})
    assert _ops(import_model(data, "net.tflite")) == ["add"]
    x = np.array([[-128, -100, -1, 0, 1, 3, 100, 127]], np.int8)
    np.testing.assert_array_equal(edgeq.compile(data).run(x), oracle.run_tflm(data, [x])[0])


def test_reals_beyond_any_integer_saturate() -> None:
    graph = import_model(_add_constant(_REALS, {}, {"scale": 0.5, "zero_point": -7}), "net.tflite")
    assert graph.constants[graph.nodes[0].inputs[1]].tolist() == [[-128, -9, -8, -7, -6, -6, 127, -128]]


def test_constants_are_quantized_per_channel() -> None:
    m = TfliteWriter()
    x = m.tensor((1, 2), scale=0.5)
    w = m.tensor((2, 2), scale=[0.5, 0.25])
    y = m.tensor((1, 2), scale=0.5)
    m.operator("QUANTIZE", [m.constant(np.array([[1, -0.75], [1, -0.7]], np.float32))], [w])
    m.operator("FULLY_CONNECTED", [x, w], [y], "FullyConnectedOptions")
    graph = import_model(m.build([x], [y]), "net.tflite")
    assert graph.constants[graph.nodes[0].inputs[1]].tolist() == [[2, -2], [4, -3]]


def test_a_constant_behind_dequantize_is_computed_at_import() -> None:
    m = TfliteWriter()
    w = m.constant(np.array([[2, -2], [4, -3]], np.int8), scale=[0.5, 0.25], zero_point=[0, 0])
    d, q = m.tensor((2, 2), np.float32), m.tensor((2, 2), scale=0.5)
    x, y = m.tensor((1, 2), scale=0.5), m.tensor((1, 2), scale=0.5)
    m.operator("DEQUANTIZE", [w], [d])
    m.operator("QUANTIZE", [d], [q])
    m.operator("FULLY_CONNECTED", [x, q], [y], "FullyConnectedOptions")
    graph = import_model(m.build([x], [y]), "net.tflite")
    assert _ops(graph) == ["dense"]
    assert graph.constants[graph.nodes[0].inputs[1]].tolist() == [[2, -2], [2, -2]]


def _one(name: str, before: Any, after: Any, *, inputs: int = 1, shape: tuple[int, ...] = (2, 2)) -> bytes:
    """A model of one operator; `before` and `after` are a dtype and quantization."""
    m = TfliteWriter()
    x = m.tensor((2, 2), before[0], **before[1])
    y = m.tensor(shape, after[0], **after[1])
    m.operator(name, [x] * inputs, [y])
    return m.build([x], [y])


def _constant_of_another_shape() -> bytes:
    m = TfliteWriter()
    x = m.tensor((2, 2), scale=0.5)
    q, y = m.tensor((4,), scale=0.5), m.tensor((2, 2), scale=0.5)
    m.operator("QUANTIZE", [m.constant(np.zeros((2, 2), np.float32))], [q])
    m.operator("ADD", [x, q], [y], "AddOptions")
    return m.build([x], [y])


def test_ports_have_one_scale() -> None:
    m = TfliteWriter()
    x = m.tensor((2, 2), scale=[0.5, 0.25], name="x")
    y = m.tensor((2, 2), np.float32)
    q = m.tensor((2, 2), scale=[0.5, 0.25], name="q")
    m.operator("QUANTIZE", [y], [q])
    with pytest.raises(EdgeqError, match=r"input 'x': is quantized as .*; accepted: one scale"):
        import_model(m.build([x], [x]), "net.tflite")
    with pytest.raises(EdgeqError, match=r"output 'q': is quantized as .*; accepted: one scale"):
        import_model(m.build([y], [q]), "net.tflite")


_S8 = (np.int8, {"scale": 0.5})
_S32 = (np.int32, {"scale": 0.5})
_F32: tuple[Any, dict[str, Any]] = (np.float32, {})
_PER_CHANNEL = (np.int8, {"scale": [0.5, 0.25]})


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (_one("QUANTIZE", _S8, (np.int8, {})), r"output s8\[2,2\] has no scale and zero point"),
        (_one("QUANTIZE", _S8, _S8, inputs=2), "has 2 inputs; expected 1"),
        (_one("QUANTIZE", _S8, _S8, inputs=0), "has 0 inputs; expected 1"),
        (_one("QUANTIZE", _S8, _S8, shape=(2, 3)), r"computes the shape \[2, 2\], the file declares \[2, 3\]"),
        (_constant_of_another_shape(), r"input f32\[2,2\] and output s8\[4\] @0.5\+0 differ in shape"),
        (_one("QUANTIZE", (np.int8, {}), _S8), "is not quantized"),
        (_one("QUANTIZE", _S8, _PER_CHANNEL), "is quantized as .*; accepted: one scale"),
        (_one("QUANTIZE", _S8, _S32), "requantizes s8 to s32; accepted: s8 to s8, "),
        (_one("DEQUANTIZE", _S8, _S32), r"dequantizes s8\[2,2\] @0.5\+0 to s32\[2,2\] @0.5\+0; accepted: quantized"),
        (_one("DEQUANTIZE", _F32, _F32), r"dequantizes f32\[2,2\] to f32\[2,2\]; accepted: quantized integers"),
        (_one("DEQUANTIZE", _S8, _F32, inputs=0), "has 0 inputs; expected 1"),
    ],
)
def test_what_cannot_be_converted_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(EdgeqError, match=sentence):
        edgeq.compile(data)


@pytest.mark.parametrize("before", [_PER_CHANNEL, (np.int32, {"scale": 0.5})])
def test_float_ports_are_of_int8_and_int16(before: Any) -> None:
    with pytest.raises(EdgeqError, match="accepted: "):
        edgeq.compile(_one("DEQUANTIZE", before, _F32), float_ports=True)
