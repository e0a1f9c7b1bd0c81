"""Models that ONNX Runtime's quantizers write mean, in edgeq's graph, what ONNX Runtime computes with them."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate_float
from edgeq.importers.onnx import import_onnx
from edgeq.ir import DType, Graph, TensorType
from edgeq.ir.tensor import dequantize

ort = pytest.importorskip("onnxruntime")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from onnxruntime import quantization as q

Array = np.ndarray[Any, Any]


class _Net:
    """A model under construction."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, array: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def weights(self, *shape: int) -> str:
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 10
        return self.constant((self.rng.normal(size=shape) / np.sqrt(fan_in)).astype(np.float32))

    def add(self, op: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> str:
        names = [f"v{len(self.nodes)}"] + [f"v{len(self.nodes)}_{i}" for i in range(1, outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, domain=domain, **attributes))
        return names[0]

    def model(
        self, shape: tuple[int, ...], output: str, elem_type: int = TensorProto.FLOAT, opset: int = 17
    ) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("x", elem_type, shape)],
            [helper.make_empty_tensor_value_info(output)],
            self.constants,
        )
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        return onnx.shape_inference.infer_shapes(model)


def _conv_net() -> onnx.ModelProto:
    net = _Net()
    a = net.add("Relu", net.add("Conv", "x", net.weights(8, 3, 3, 3), net.weights(8), pads=[1, 1, 1, 1]))
    b = net.add("Conv", a, net.weights(8, 1, 3, 3), net.weights(8), pads=[1, 1, 1, 1], group=8)
    b = net.add("Clip", b, net.constant(np.float32(0)), net.constant(np.float32(6)))
    c = net.add("Add", a, net.add("Conv", b, net.weights(8, 8, 1, 1)))
    d = net.add("MaxPool", c, kernel_shape=[2, 2], strides=[2, 2])
    e = net.add("AveragePool", net.add("LeakyRelu", c, alpha=0.1), kernel_shape=[2, 2], strides=[2, 2])
    f = net.add("Concat", d, e, axis=1)
    f = net.add("Mul", f, net.add("Sigmoid", f))
    g = net.add("Flatten", net.add("GlobalAveragePool", f))
    h = net.add("Gemm", g, net.weights(10, 16), net.weights(10), transB=1)
    return net.model((1, 3, 8, 8), net.add("Softmax", h, axis=-1))


def _sequence_net() -> onnx.ModelProto:
    net = _Net(1)
    a = net.add("Tanh", net.add("MatMul", "x", net.weights(12, 8)))
    b = net.add("Add", net.add("MatMul", a, net.weights(8, 6)), net.weights(6))
    c = net.add("MatMul", a, net.add("Transpose", a, perm=[0, 2, 1]))
    d = net.add("MatMul", net.add("Softmax", c, axis=-1), b)
    d = net.add("Reshape", d, net.constant(np.array([1, -1], np.int64)))
    return net.model((1, 5, 12), net.add("Split", d, outputs=2, axis=1))


_NETS: dict[str, Callable[[], onnx.ModelProto]] = {"conv": _conv_net, "sequence": _sequence_net}


def _inputs(model: onnx.ModelProto, count: int) -> list[Array]:
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    rng = np.random.default_rng(2)
    return [rng.normal(size=shape).astype(np.float32) for _ in range(count)]


class _Reader(q.CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, inputs: list[Array]) -> None:
        self._inputs: Iterator[Array] = iter(inputs)

    def get_next(self) -> dict[str, Array] | None:
        x = next(self._inputs, None)
        return None if x is None else {"x": x}


def _run(model: onnx.ModelProto, x: Array) -> Array:
    options = ort.SessionOptions()
    # Unoptimized, every node computes what it says.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


def _import(model: onnx.ModelProto) -> Graph:
    return import_onnx(model.SerializeToString(), "net.onnx")


def _round(x: Array, type_: TensorType) -> Array:
    """What is left of reals in the integers of a type."""
    if type_.quant is None:
        return x
    shape = [-1 if axis == type_.quant.axis else 1 for axis in range(x.ndim)]
    zero = np.reshape(type_.quant.zero_point, shape)
    steps = np.rint(x / np.reshape(type_.quant.scale, shape).astype(np.float32)) + zero
    return dequantize(np.clip(steps, *type_.dtype.range).astype(type_.dtype.numpy), type_)


def _simulate(graph: Graph, x: Array) -> Array:
    """The graph in reals that are rounded wherever a value is quantized."""
    values = evaluate_float(graph, [x], lambda name, array: _round(array, graph.types[name]))
    return values[graph.outputs[0]]


def _quantized(model: onnx.ModelProto, folder: Path, inputs: list[Array], **options: Any) -> onnx.ModelProto:
    before, after = folder / "float.onnx", folder / "quantized.onnx"
    onnx.save(model, before)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        q.quantize_static(before, after, _Reader(inputs), **options)
    return onnx.load(after)


_TYPES = {
    "s8": (q.QuantType.QInt8, q.QuantType.QInt8),
    "u8s8": (q.QuantType.QUInt8, q.QuantType.QInt8),
    "u8": (q.QuantType.QUInt8, q.QuantType.QUInt8),
    "s16": (q.QuantType.QInt16, q.QuantType.QInt8),
    "u16": (q.QuantType.QUInt16, q.QuantType.QInt8),
}

_STATIC = [
    (net, layout, types, per_channel)
    for net in _NETS
    for layout in ("QDQ", "QOperator")
    for types in _TYPES
    for per_channel in (False, True)
    # ONNX Runtime has no operators on 16 bits, and none on int8 activations with weights of several scales.
    if layout == "QDQ" or types in ("s8", "u8s8", "u8")
]


@pytest.mark.parametrize(("net", "layout", "types", "per_channel"), _STATIC)
def test_static(net: str, layout: str, types: str, per_channel: bool, tmp_path: Path) -> None:
    model = _NETS[net]()
    inputs = _inputs(model, 16)
    activations, weights = _TYPES[types]
    quantized = _quantized(
        model,
        tmp_path,
        inputs,
        quant_format=q.QuantFormat[layout],
        activation_type=activations,
        weight_type=weights,
        per_channel=per_channel,
    )
    graph = _import(quantized)
    for x in inputs:
        expected = _run(quantized, x)
        found = _simulate(graph, x)
        step = max((t.quant.scale[0] for t in _producing(graph)), default=0.0)
        assert np.abs(found - expected).max() <= 2.01 * step
        exact, real = _run(model, x), evaluate_float(graph, [x])[graph.outputs[0]]
        assert np.abs(real - exact).max() <= 0.1 * np.abs(exact).max()


def _producing(graph: Graph) -> list[TensorType]:
    """The quantization of what the output is dequantized from."""
    node = graph.producers[graph.outputs[0]]
    return [t for t in graph.input_types(node) if t is not None and t.quant is not None]


@pytest.mark.parametrize("net", _NETS)
@pytest.mark.parametrize("types", ["s8", "u8"])
@pytest.mark.parametrize("per_channel", [False, True])
def test_dynamic(net: str, types: str, per_channel: bool, tmp_path: Path) -> None:
    model = _NETS[net]()
    inputs = _inputs(model, 16)
    before, after = tmp_path / "float.onnx", tmp_path / "quantized.onnx"
    onnx.save(model, before)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        q.quantize_dynamic(before, after, weight_type=_TYPES[types][1], per_channel=per_channel)
    quantized = onnx.load(after)
    assert any(node.op_type == "DynamicQuantizeLinear" for node in quantized.graph.node)
    graph = _import(quantized)
    kept = [t for v, t in graph.types.items() if v in graph.constants and t.dtype is DType.S8]
    assert kept
    assert all(t.quant is not None for t in kept)
    for x in inputs:
        exact, real = _run(model, x), evaluate_float(graph, [x])[graph.outputs[0]]
        assert np.abs(real - exact).max() <= 0.05 * np.abs(exact).max()


def test_dynamic_weights_that_are_exact_give_the_float_model() -> None:
    net = _Net()
    y, scale, zero = net.add("DynamicQuantizeLinear", "x", outputs=3), "v0_1", "v0_2"
    weights = np.array([[1, -2], [3, 4], [-127, 5]], np.int8)
    scales = net.constant(np.array([0.5, 0.25], np.float32))
    total = net.add("MatMulInteger", y, net.constant(weights), zero, net.constant(np.array([0, 3], np.int8)))
    output = net.add("Mul", net.add("Cast", total, to=TensorProto.FLOAT), net.add("Mul", scale, scales))
    graph = _import(net.model((2, 3), output))
    x = np.array([[1, 2, 3], [-1, 0.5, 0]], np.float32)
    expected = x @ ((weights - np.array([0.0, 3.0])) * [0.5, 0.25])
    np.testing.assert_allclose(evaluate_float(graph, [x])[graph.outputs[0]], expected, rtol=1e-6)


def test_a_sum_that_is_not_scaled_is_refused_where_its_scale_is_found_at_run_time() -> None:
    net = _Net()
    y = net.add("DynamicQuantizeLinear", "x", outputs=3)
    total = net.add("MatMulInteger", y, net.constant(np.ones((3, 2), np.int8)), "v0_2")
    with pytest.raises(EdgeqError, match="found at run time"):
        _import(net.model((2, 3), net.add("Relu", net.add("Cast", total, to=TensorProto.FLOAT))))


def test_another_scale_than_that_of_the_input_is_refused() -> None:
    net = _Net()
    y = net.add("DynamicQuantizeLinear", "x", outputs=3)
    net.add("DynamicQuantizeLinear", net.add("Neg", "x"), outputs=3)
    total = net.add("MatMulInteger", y, net.constant(np.ones((3, 2), np.int8)), "v0_2")
    output = net.add("Mul", net.add("Cast", total, to=TensorProto.FLOAT), "v2_1")
    with pytest.raises(EdgeqError, match="found at run time"):
        _import(net.model((2, 3), output))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_bytes_at_inputs_and_outputs(dtype: Any) -> None:
    net = _Net()
    scale, zero = net.constant(np.float32(0.5)), net.constant(np.array(7, dtype))
    x = net.add("Transpose", "x", perm=[1, 0])
    real = net.add("DequantizeLinear", x, scale, zero)
    output = net.add("QuantizeLinear", net.add("Relu", real), scale, zero)
    elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = _import(net.model((2, 3), output, elem_type))
    port, result = graph.types[graph.inputs[0]], graph.types[graph.outputs[0]]
    assert port.dtype is result.dtype is DType.of(dtype)
    assert port.zero_point == result.zero_point == 7


def test_bytes_that_are_cast_count_as_they_are() -> None:
    net = _Net()
    graph = _import(net.model((2, 3), net.add("Cast", "x", to=TensorProto.FLOAT), TensorProto.UINT8))
    assert str(graph.types[graph.inputs[0]]) == "u8[2,3] @1.0+0"
    assert graph.types[graph.outputs[0]].dtype is DType.F32


_REFUSED = {
    "blocks": ({"block_size": 2, "axis": 0}, "blocks of 2"),
    "scales": ({"axis": 0}, "along axis 0"),
}


@pytest.mark.parametrize("name", _REFUSED)
def test_refused_scales(name: str) -> None:
    attributes, message = _REFUSED[name]
    net = _Net()
    scale = net.constant(np.full(3, 0.5, np.float32))
    output = net.add("QuantizeLinear", "x", scale, net.constant(np.zeros(3, np.int8)), **attributes)
    with pytest.raises(EdgeqError, match=message):
        _import(net.model((2, 3), output, opset=21))


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_a_scale_that_is_none_is_refused(scale: float) -> None:
    net = _Net()
    with pytest.raises(EdgeqError, match="above 0"):
        _import(net.model((2, 3), net.add("QuantizeLinear", "x", net.constant(np.float32(scale)))))


def test_integers_that_are_computed_on_are_refused() -> None:
    net = _Net()
    quantized = net.add("QuantizeLinear", "x", net.constant(np.float32(0.5)), net.constant(np.array(3, np.int8)))
    with pytest.raises(EdgeqError, match="behind a DequantizeLinear"):
        _import(net.model((2, 3), net.add("Add", quantized, quantized)))


def test_dequantized_with_another_scale_is_refused() -> None:
    net = _Net()
    zero = net.constant(np.array(3, np.int8))
    quantized = net.add("QuantizeLinear", "x", net.constant(np.float32(0.5)), zero)
    with pytest.raises(EdgeqError, match="as it was quantized"):
        _import(net.model((2, 3), net.add("DequantizeLinear", quantized, net.constant(np.float32(0.25)), zero)))


def _scale_and_zero(net: _Net, scale: float, zero: int) -> list[str]:
    return [net.constant(np.float32(scale)), net.constant(np.array(zero, np.uint8))]


def _quantized_image(net: _Net) -> list[str]:
    """The input in integers, its scale, its zero point."""
    pair = _scale_and_zero(net, 0.05, 128)
    return [net.add("QuantizeLinear", "x", *pair), *pair]


def _unary(op: str, **attributes: Any) -> Callable[[_Net], str]:
    def build(net: _Net) -> str:
        out = _scale_and_zero(net, 0.04, 100)
        y = net.add(op, *_quantized_image(net), *out, domain="com.microsoft", **attributes)
        return net.add("DequantizeLinear", y, *out)

    return build


def _qgemm(net: _Net) -> str:
    """Real sums, as there is no scale for the output."""
    rows = net.add("Reshape", "x", net.constant(np.array([8, -1], np.int64)))
    pair = _scale_and_zero(net, 0.05, 128)
    quantized = net.add("QuantizeLinear", rows, *pair)
    weights = net.constant(net.rng.integers(-127, 128, (5, 24)).astype(np.int8))
    scales = net.constant(np.array([0.01, 0.02, 0.03, 0.04, 0.05], np.float32))
    bias = net.constant(net.rng.integers(-500, 500, 5).astype(np.int32))
    zeros = net.constant(np.zeros(5, np.int8))
    inputs = [quantized, *pair, weights, scales, zeros, bias]
    return net.add("QGemm", *inputs, domain="com.microsoft", transB=1, alpha=1.0)


def _fused_conv(activation: str, **attributes: Any) -> Callable[[_Net], str]:
    def build(net: _Net) -> str:
        weights, bias = net.weights(4, 3, 3, 3), net.weights(4)
        return net.add("FusedConv", "x", weights, bias, domain="com.microsoft", activation=activation, **attributes)

    return build


def _fused_gemm(net: _Net) -> str:
    rows = net.add("Reshape", "x", net.constant(np.array([8, -1], np.int64)))
    attributes = {"activation": "LeakyRelu", "activation_alpha": 0.3, "alpha": 0.5, "transB": 1}
    return net.add("FusedGemm", rows, net.weights(5, 24), net.weights(5), domain="com.microsoft", **attributes)


def _dynamic_matmul(net: _Net) -> str:
    weights = net.constant(net.rng.integers(-127, 128, (8, 5)).astype(np.int8))
    scale, zero = net.constant(np.float32(0.01)), net.constant(np.array(0, np.int8))
    return net.add("DynamicQuantizeMatMul", "x", weights, scale, zero, net.weights(5), domain="com.microsoft")


def _integers_to_float(net: _Net) -> str:
    y = net.add("DynamicQuantizeLinear", "x", outputs=3)
    weights = net.constant(net.rng.integers(0, 255, (8, 5)).astype(np.uint8))
    scale, zero = net.constant(np.float32(0.01)), net.constant(np.array(128, np.uint8))
    inputs = [y, weights, f"{y}_1", scale, f"{y}_2", zero, net.weights(5)]
    return net.add("MatMulIntegerToFloat", *inputs, domain="com.microsoft")


def _static_integers(net: _Net) -> str:
    """A scale that is known, over sums of integers."""
    pair = _scale_and_zero(net, 0.05, 128)
    quantized = net.add("QuantizeLinear", "x", *pair)
    weights = net.constant(net.rng.integers(0, 255, (4, 3, 3, 3)).astype(np.uint8))
    total = net.add("ConvInteger", quantized, weights, pair[1], net.constant(np.array(120, np.uint8)), pads=[1] * 4)
    scale = net.constant(np.array([0.001, 0.002, 0.003, 0.004], np.float32).reshape(1, 4, 1, 1))
    return net.add("Mul", net.add("Cast", total, to=TensorProto.FLOAT), scale)


def _last(op: str, **attributes: Any) -> Callable[[_Net], str]:
    """An image with channels last."""

    def build(net: _Net) -> str:
        out = _scale_and_zero(net, 0.04, 100)
        x, *pair = _quantized_image(net)
        image = net.add("Transpose", x, perm=[0, 2, 3, 1])
        y = net.add(op, image, *pair, *out, domain="com.microsoft", channels_last=1, **attributes)
        return net.add("DequantizeLinear", y, *out)

    return build


_WINDOW = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}

_MICROSOFT: dict[str, tuple[Callable[[_Net], str], float]] = {
    "QLinearAveragePool": (_unary("QLinearAveragePool", **_WINDOW, count_include_pad=1), 0.04),
    "QLinearAveragePool channels last": (_last("QLinearAveragePool", **_WINDOW), 0.04),
    "QLinearGlobalAveragePool": (_unary("QLinearGlobalAveragePool"), 0.04),
    "QLinearGlobalAveragePool channels last": (_last("QLinearGlobalAveragePool"), 0.04),
    "QLinearLeakyRelu": (_unary("QLinearLeakyRelu", alpha=0.2), 0.04),
    "QLinearSigmoid": (_unary("QLinearSigmoid"), 0.04),
    "QLinearSoftmax": (_unary("QLinearSoftmax", axis=-1, opset=13), 0.04),
    "QLinearSoftmax of channels": (_unary("QLinearSoftmax", axis=1, opset=13), 0.04),
    "QGemm": (_qgemm, 1e-4),
    "FusedConv Relu": (_fused_conv("Relu"), 1e-5),
    "FusedConv LeakyRelu": (_fused_conv("LeakyRelu", activation_params=[0.2]), 1e-5),
    "FusedConv Clip": (_fused_conv("Clip", activation_params=[-0.5, 0.25]), 1e-5),
    "FusedConv HardSigmoid": (_fused_conv("HardSigmoid", activation_params=[0.3, 0.4]), 1e-5),
    "FusedGemm": (_fused_gemm, 1e-5),
    "DynamicQuantizeMatMul": (_dynamic_matmul, 0.1),
    "MatMulIntegerToFloat": (_integers_to_float, 0.1),
    "ConvInteger": (_static_integers, 1e-4),
    "Gelu": (lambda net: net.add("Gelu", "x", domain="com.microsoft"), 1e-5),
    "FastGelu": (lambda net: net.add("FastGelu", "x", net.weights(8), domain="com.microsoft"), 1e-5),
    "BiasGelu": (lambda net: net.add("BiasGelu", "x", net.weights(8), domain="com.microsoft"), 1e-5),
    "QuickGelu": (lambda net: net.add("QuickGelu", "x", domain="com.microsoft", alpha=1.5), 1e-5),
}


@pytest.mark.parametrize("name", _MICROSOFT)
def test_operators_of_onnx_runtime(name: str) -> None:
    build, tolerance = _MICROSOFT[name]
    net = _Net(5)
    model = net.model((1, 3, 8, 8), build(net))
    graph = _import(model)
    for x in _inputs(model, 3):
        np.testing.assert_allclose(_simulate(graph, x), _run(model, x), rtol=1e-4, atol=1.01 * tolerance)


def test_a_fused_activation_that_is_not_known_is_refused() -> None:
    net = _Net()
    with pytest.raises(EdgeqError, match="activation 'Erf'"):
        _import(net.model((1, 3, 8, 8), _fused_conv("Erf")(net)))


def _requantized(zero: int, scale: float, dtype: Any = np.uint8) -> Graph:
    net = _Net()
    pair = [net.constant(np.float32(scale)), net.constant(np.array(zero, dtype))]
    real = net.add("Add", "x", "x")
    return _import(net.model((2, 3), net.add("DequantizeLinear", net.add("QuantizeLinear", real, *pair), *pair)))


@pytest.mark.parametrize(
    ("zero", "scale", "dtype", "expected"),
    [
        (0, 0.1, np.uint8, ["relu"]),
        (0, 6 / 255, np.uint8, ["relu6"]),
        (-128, 0.1, np.int8, ["relu"]),
        (1, 0.1, np.uint8, []),
        (0, 0.1, np.int8, []),
    ],
)
def test_what_quantizing_cuts_off_at_zero_is_a_relu(zero: int, scale: float, dtype: Any, expected: list[str]) -> None:
    ops = [node.op for node in _requantized(zero, scale, dtype).nodes]
    assert ops == ["add", *expected, "quantize", "dequantize"]


def test_moved_dynamic_integers_are_those_of_what_is_moved() -> None:
    net = _Net()
    y = net.add("DynamicQuantizeLinear", "x", outputs=3)
    moved = net.add("Transpose", y, perm=[1, 0])
    total = net.add("MatMulInteger", moved, net.constant(np.eye(2, 4, dtype=np.int8)), "v0_2")
    graph = _import(net.model((2, 3), net.add("Mul", net.add("Cast", total, to=TensorProto.FLOAT), "v0_1")))
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_allclose(evaluate_float(graph, [x])[graph.outputs[0]], x.T @ np.eye(2, 4))


def test_an_input_of_bytes_may_be_read_twice_as_the_same() -> None:
    net = _Net()
    pair = [net.constant(np.float32(0.5)), net.constant(np.array(7, np.uint8))]
    parts = [net.add("DequantizeLinear", "x", *pair) for _ in range(2)]
    graph = _import(net.model((2, 3), net.add("Add", *parts), TensorProto.UINT8))
    assert graph.types[graph.inputs[0]].zero_point == 7


def test_an_input_of_bytes_that_is_read_as_two_things_is_refused() -> None:
    net = _Net()
    zero = net.constant(np.array(7, np.uint8))
    parts = [net.add("DequantizeLinear", "x", net.constant(np.float32(scale)), zero) for scale in (0.5, 0.25)]
    with pytest.raises(EdgeqError, match="one scale and zero point"):
        _import(net.model((2, 3), net.add("Add", *parts), TensorProto.UINT8))


def test_a_zero_point_of_another_type_than_the_input_is_refused() -> None:
    net = _Net()
    pair = [net.constant(np.float32(0.5)), net.constant(np.array(200, np.uint8))]
    with pytest.raises(EdgeqError, match="a zero point that is no s8"):
        _import(net.model((2, 3), net.add("DequantizeLinear", "x", *pair), TensorProto.INT8))


def test_no_relu_where_nothing_is_negative() -> None:
    net = _Net()
    pair = [net.constant(np.float32(0.1)), net.constant(np.array(0, np.uint8))]
    first = net.add("DequantizeLinear", net.add("QuantizeLinear", net.add("Abs", "x"), *pair), *pair)
    pooled = net.add("MaxPool", net.add("Concat", first, first, axis=1), kernel_shape=[2, 2])
    graph = _import(net.model((1, 3, 4, 4), net.add("QuantizeLinear", pooled, *pair)))
    assert not any(node.op.startswith("relu") for node in graph.nodes)
