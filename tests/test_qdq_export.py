"""Quantized networks as ONNX files: valid, run by ONNX Runtime within one step, read back to the same integers."""

import errno
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import helper
from shared import MODELS, requires_shared
from small_onnx import OnnxWriter, attention, convolutions, qdq, qlinear

import edgeq
from edgeq.cli import cli
from edgeq.errors import EdgeqError, UnsupportedModelError
from edgeq.evaluate import evaluate
from edgeq.exporters.onnx import export_onnx
from edgeq.exporters.onnx.operators import EXPORTERS
from edgeq.fixedpoint import Rounding
from edgeq.frontend import Calibration, ModelFile, Prepared, data_ports, prepare
from edgeq.ir import DType, Graph, Node, Origin, Quant, TensorType
from edgeq.ops import OPS
from edgeq.ops.gather import GatherAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.mirror_pad import MirrorPadAttrs
from edgeq.ops.quantize import DequantizeAttrs, QuantizeAttrs
from edgeq.ops.resize import ResizeAttrs
from edgeq.ops.softmax import SoftmaxAttrs
from edgeq.ops.unary import UNARY, LeakyReluAttrs
from edgeq.ops.unary_real import PowerAttrs, SiluAttrs
from edgeq.ops.weight_groups import FACTORS
from edgeq.passes.tabulate import tabulate
from edgeq.quantize.scheme import Rule, Scheme

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    ort = pytest.importorskip("onnxruntime")

Array = np.ndarray[Any, Any]
Net = Callable[[OnnxWriter], str]


def _conv_bn(m: OnnxWriter) -> str:
    x = m.add("Conv", "x", m.weights(8, 3, 3, 3), m.weights(8), pads=[1, 1, 1, 1])
    statistics = [m.constant(np.linspace(0.5, 1.5, 8, dtype=np.float32)) for _ in range(4)]
    x = m.add("Relu", m.add("BatchNormalization", x, *statistics))
    x = m.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    return m.add("Gemm", m.add("Flatten", x), m.weights(5, 128), m.weights(5), transB=1)


def _depthwise(m: OnnxWriter) -> str:
    x = m.add("Conv", "x", m.weights(6, 1, 3, 3), m.weights(6), pads=[2, 0, 1, 1], strides=[1, 2], group=3)
    x = m.add("Clip", x, m.constant(np.float32(0)), m.constant(np.float32(6)))
    x = m.add("Conv", x, m.weights(4, 3, 1, 1), group=2)
    return m.add("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def _residual(m: OnnxWriter) -> str:
    a = m.add("Relu", m.add("Conv", "x", m.weights(4, 3, 1, 1), m.weights(4)))
    b = m.add("Conv", a, m.weights(4, 4, 3, 3), m.weights(4), pads=[1, 1, 1, 1])
    x = m.add("Relu", m.add("Add", a, b))
    return m.add("Gemm", m.add("Flatten", m.add("GlobalAveragePool", x)), m.weights(7, 4), m.weights(7), transB=1)


def _concat(m: OnnxWriter) -> str:
    a = m.add("Conv", "x", m.weights(4, 3, 1, 1))
    b = m.add("Mul", m.add("Conv", "x", m.weights(2, 3, 1, 1)), m.constant(np.float32(5)))
    joined = m.add("Concat", a, b, m.add("Neg", a), axis=1)
    return m.add("Conv", joined, m.weights(3, 10, 3, 3))


def _gates(m: OnnxWriter) -> str:
    x = m.add("Conv", "x", m.weights(4, 3, 3, 3), m.weights(4))
    silu = m.add("Mul", x, m.add("Sigmoid", x))
    swish = m.add("HardSwish", m.add("Conv", silu, m.weights(4, 4, 1, 1)))
    gate = m.add("HardSigmoid", m.add("Conv", m.add("GlobalAveragePool", swish), m.weights(4, 4, 1, 1)))
    return m.add("Mul", swish, gate)


def _resizes(m: OnnxWriter) -> str:
    scales = m.constant(np.array([1, 1, 2, 2], np.float32))
    x = m.add(
        "Resize", "x", "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )
    x = m.add("Conv", x, m.weights(4, 3, 3, 3), strides=[2, 2])
    return m.add("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")


def _pads(m: OnnxWriter) -> str:
    x = m.add("Pad", "x", m.integers(0, 0, 1, 2, 0, 0, 2, 1), m.constant(np.float32(0.25)))
    x = m.add("Pad", m.add("Relu", x), m.integers(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect")
    x = m.add("Slice", x, m.integers(-2, 1), m.integers(0, 9), m.integers(2, 3), m.integers(-2, 2))
    return m.add("Conv", x, m.weights(2, 3, 3, 3), m.weights(2))


def _line(m: OnnxWriter) -> str:
    x = m.add("Reshape", "x", m.integers(1, 6, 32))
    x = m.add("Relu", m.add("Conv", x, m.weights(8, 6, 5), m.weights(8), pads=[2, 2], strides=[2]))
    x = m.add("Transpose", m.add("ConvTranspose", x, m.weights(8, 4, 3), strides=[2]), perm=[0, 2, 1])
    x = m.add("Add", m.add("MatMul", x, m.weights(4, 6)), m.weights(6))
    return m.add("Softmax", x, axis=-1)


def _scattered(m: OnnxWriter) -> str:
    x = m.add(
        "ConvTranspose",
        "x",
        m.weights(3, 4, 3, 3),
        m.weights(4),
        strides=[2, 2],
        pads=[1, 1, 0, 0],
        output_padding=[1, 1],
    )
    return m.add("PRelu", x, m.constant(np.array([0.1, 0.2, 0.3, 0.4], np.float32).reshape(4, 1, 1)))


def _reduced(m: OnnxWriter) -> str:
    x = m.add("Conv", "x", m.weights(4, 3, 1, 1))
    parts = [m.add(op, x, axes=[2], keepdims=0) for op in ("ReduceMax", "ReduceMin", "ReduceMean")]
    parts.append(m.add("ReduceSum", m.add("Abs", x), m.integers(2), keepdims=0))
    total = m.add("Max", m.add("Add", parts[0], parts[1]), m.add("Sub", parts[2], parts[3]))
    rows = m.add(
        "Mul", m.add("Gather", total, m.integers(2, 0, 1), axis=1), m.add("ReduceMean", "x", axes=[0, 1, 2], keepdims=0)
    )
    return m.add(
        "Sub",
        m.add("Expand", m.add("Unsqueeze", rows, m.integers(2)), m.integers(1, 3, 2, 8)),
        m.add("Slice", "x", m.integers(0), m.integers(2), m.integers(2)),
    )


_NETS: dict[str, Net] = {
    "conv bn pool gemm": _conv_bn,
    "depthwise": _depthwise,
    "residual": _residual,
    "concat": _concat,
    "gates": _gates,
    "resize": _resizes,
    "pad": _pads,
    "line": _line,
    "transposed conv": _scattered,
    "reductions": _reduced,
}

_SCHEMES = {
    "int8": Scheme(weight_rounding="nearest", method="minmax"),
    "int16": Scheme(activations="int16", weight_rounding="nearest", method="minmax"),
    "per tensor": Scheme(per_tensor=True, symmetric=True, outputs="int8", weight_rounding="nearest", method="minmax"),
    "mixed": Scheme(weight_rounding="nearest", method="minmax", layers=(Rule("Conv*", {"activations": "int16"}),)),
}


def _built(net: Net) -> bytes:
    m = OnnxWriter(5)
    return m.build({"x": (1, 3, 8, 8)}, [net(m)])


def _samples(graph: Graph, count: int = 16) -> list[tuple[Array, ...]]:
    rng = np.random.default_rng(3)
    return [tuple(rng.normal(size=p.shape).astype(np.float32) for p in data_ports(graph)) for _ in range(count)]


def _quantized(data: bytes, scheme: Scheme, **options: Any) -> Prepared:
    file = ModelFile("net", data)
    return prepare(file, calibration=Calibration(_samples(file.load())), scheme=scheme, **options)


def _checked(content: bytes) -> onnx.ModelProto:
    model = onnx.load_model_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    return model


@dataclass
class _Run:
    """The integers at the ports of a graph: in the order of dimensions of the file."""

    graph: Graph

    def in_file(self, value: str, array: Array) -> Array:
        origin = self.graph.origins.get(value)
        perm = origin.perm if origin else None
        return array if perm is None else array.transpose([perm.index(d) for d in range(len(perm))])

    def from_file(self, value: str, array: Array) -> Array:
        origin = self.graph.origins.get(value)
        return array if origin is None or origin.perm is None else array.transpose(origin.perm)

    def __call__(self, *inputs: Array) -> tuple[dict[str, Array], list[tuple[Array, TensorType]]]:
        """All values, and the integers before each float output."""
        values = evaluate(self.graph, [self.from_file(v, x) for v, x in zip(self.graph.inputs, inputs, strict=True)])
        outputs = []
        for value in self.graph.outputs:
            node = self.graph.producers.get(value)
            integers = node.inputs[0] if node is not None and node.op == "dequantize" else value
            outputs.append((self.in_file(value, values[integers]), self.graph.types[integers]))
        return values, outputs


def _run_ort(content: bytes, *inputs: Array, settings: Mapping[str, str] | None = None) -> list[Array]:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    for key, value in (settings or {}).items():
        options.add_session_config_entry(key, value)
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(zip((i.name for i in session.get_inputs()), inputs, strict=True))))


def _steps(reals: Array, type_: TensorType) -> Array:
    return np.rint(reals / np.float32(type_.scale)).astype(np.int64) + type_.zero_point


def _read_back(prepared: Prepared, content: bytes, inputs: list[tuple[Array, ...]]) -> Prepared:
    """The file as a model of its own, which has the same nodes, constants and values."""
    again = prepare(ModelFile("again.onnx", content))
    assert again.graph.rounding is prepared.graph.rounding
    assert sorted(n.op for n in again.graph.nodes) == sorted(n.op for n in prepared.graph.nodes)
    for x in inputs:
        (old, outputs), (new, new_outputs) = _Run(prepared.graph)(*x), _Run(again.graph)(*x)
        for (a, type_), (b, new_type) in zip(outputs, new_outputs, strict=True):
            assert new_type.quant == type_.quant
            np.testing.assert_array_equal(b, a)
        assert _contents(again.graph, new) == _contents(prepared.graph, old)
    return again


def _contents(graph: Graph, values: dict[str, Array]) -> list[tuple[str, str, bytes]]:
    """What all nodes make, whatever its name and place in the order."""
    made = [(node.op, value) for node in graph.nodes for value in node.outputs]
    return sorted((op, str(graph.types[value]), values[value].tobytes()) for op, value in made)


def _inputs(prepared: Prepared, count: int = 8) -> list[tuple[Array, ...]]:
    run, rng = _Run(prepared.graph), np.random.default_rng(9)
    shapes = [run.in_file(v, np.empty(prepared.graph.types[v].shape)).shape for v in prepared.graph.inputs]
    return [tuple(rng.normal(size=shape).astype(np.float32) for shape in shapes) for _ in range(count)]


@pytest.mark.parametrize("scheme", _SCHEMES)
@pytest.mark.parametrize("net", _NETS)
def test_a_network_is_valid_equal_and_runs_elsewhere(net: str, scheme: str) -> None:
    prepared = _quantized(_built(_NETS[net]), _SCHEMES[scheme])
    content = prepared.to_onnx()
    model = _checked(content)
    assert model.opset_import[0].version <= 21
    inputs = _inputs(prepared)
    _read_back(prepared, content, inputs)
    for x in inputs:
        _, outputs = _Run(prepared.graph)(*x)
        for (integers, type_), reals in zip(outputs, _run_ort(content, *x), strict=True):
            assert integers.shape == reals.shape
            allowed = 1 if type_.dtype is DType.S8 else 1 << 9
            assert np.abs(integers - _steps(reals, type_)).max() <= allowed


@pytest.mark.parametrize("model", [convolutions, attention], ids=["convolutions", "attention"])
def test_the_models_of_other_tests(model: Callable[[], bytes]) -> None:
    prepared = _quantized(model(), _SCHEMES["int8"])
    content = prepared.to_onnx()
    _checked(content)
    _read_back(prepared, content, _inputs(prepared, 3))


@pytest.mark.parametrize("model", [qdq, qlinear], ids=["qdq", "qlinear"])
def test_what_is_quantized_already_is_written_as_it_is(model: Callable[[], bytes]) -> None:
    prepared = prepare(ModelFile("net.onnx", model()))
    content = prepared.to_onnx()
    _checked(content)
    again = _read_back(prepared, content, _inputs(prepared))
    assert again.to_onnx() == again.to_onnx()


def test_weights_are_int8_per_channel_and_biases_int32() -> None:
    model = _checked(_quantized(_built(_conv_bn), _SCHEMES["int8"]).to_onnx())
    constants = {t.name: t for t in model.graph.initializer}
    producers = {n.output[0]: n for n in model.graph.node}
    for node in (n for n in model.graph.node if n.op_type in ("Conv", "Gemm")):
        weights, bias = (producers[name] for name in node.input[1:])
        assert constants[weights.input[0]].data_type == onnx.TensorProto.INT8
        assert constants[weights.input[1]].dims == [constants[weights.input[0]].dims[0]]
        assert constants[bias.input[0]].data_type == onnx.TensorProto.INT32
        assert producers[node.input[0]].op_type == "DequantizeLinear"


_UNFUSED = {"session.disable_quant_qdq": "1"}
"""ONNX Runtime 1.31 fuses weights of 2 bits, and some with scales of blocks, into layers that it has no kernels for."""

_NARROW_ELEMENTS = {
    "int4": ("INT4", 21, 4),
    "int3": ("INT4", 21, 4),
    "int2": ("INT2", 25, 2),
    "binary": ("INT2", 25, 2),
}


@pytest.mark.parametrize("net", ["conv bn pool gemm", "depthwise", "line"])
@pytest.mark.parametrize("weights", _NARROW_ELEMENTS)
def test_weights_of_few_bits_are_written_packed_and_read_back(weights: str, net: str) -> None:
    element, opset, bits = _NARROW_ELEMENTS[weights]
    if not hasattr(onnx.TensorProto, element):
        pytest.skip(f"this version of onnx has no {element}")
    prepared = _quantized(_built(_NETS[net]), Scheme(weights=weights, edges="same"))
    content = prepared.to_onnx()
    model = _checked(content)
    assert model.opset_import[0].version == opset
    code = getattr(onnx.TensorProto, element)
    packed = [t for t in model.graph.initializer if t.data_type == code and t.name.endswith("_quantized")]
    assert len(packed) == sum(_is_narrow_layer(prepared.graph, node) for node in prepared.graph.nodes)
    assert [len(t.raw_data) for t in packed] == [-(-int(np.prod(t.dims)) * bits // 8) for t in packed]
    inputs = _inputs(prepared)
    again = _read_back(prepared, content, inputs)
    assert _narrow_types(again.graph) == _narrow_types(prepared.graph) != []
    settings = {} if bits == 4 else _UNFUSED
    for x in inputs:
        _, outputs = _Run(prepared.graph)(*x)
        for (integers, type_), reals in zip(outputs, _run_ort(content, *x, settings=settings), strict=True):
            assert np.abs(integers - _steps(reals, type_)).max() <= (1 if type_.dtype is DType.S8 else 1 << 9)


@pytest.mark.parametrize("size", [8, 16, 24])
@pytest.mark.parametrize("weights", ["int4", "int8"])
def test_groups_of_weights_are_written_as_blocks_and_read_back(weights: str, size: int) -> None:
    """Of 24 weights, some are of three places of a filter with 8 channels: of three blocks."""
    scheme = Scheme(weights=weights, edges="same", weight_groups=size)
    prepared = _quantized(_built(_deep), scheme)
    assert any(len(node.inputs) > FACTORS for node in prepared.graph.nodes)
    content = prepared.to_onnx()
    blocked = [n for n in _checked(content).graph.node if any(a.name == "block_size" and a.i for a in n.attribute)]
    assert len(blocked) == sum(len(node.inputs) > FACTORS for node in prepared.graph.nodes)
    inputs = _inputs(prepared)
    _read_back(prepared, content, inputs)
    for x in inputs:
        _, ((integers, type_),) = _Run(prepared.graph)(*x)
        assert np.abs(integers - _steps(_run_ort(content, *x, settings=_UNFUSED)[0], type_)).max() <= 1 << 9


def _deep(m: OnnxWriter) -> str:
    x = m.add("Relu", m.add("Conv", "x", m.weights(8, 3, 3, 3), m.weights(8), pads=[1, 1, 1, 1]))
    x = m.add("Relu", m.add("Conv", x, m.weights(16, 8, 3, 3), m.weights(16)))
    x = m.add("Relu", m.add("Conv", x, m.weights(8, 16, 1, 1), m.weights(8)))
    return m.add("Gemm", m.add("Flatten", x), m.weights(5, 8 * 36), m.weights(5), transB=1)


def _is_narrow_layer(graph: Graph, node: Node) -> bool:
    return len(node.inputs) > 1 and graph.types[node.inputs[1]].dtype.is_narrow


def _narrow_types(graph: Graph) -> list[str]:
    return sorted(str(graph.types[v]) for v in graph.constants if graph.types[v].dtype.is_narrow)


def test_ports_and_tensors_keep_their_names_and_layouts() -> None:
    m = OnnxWriter()
    y = m.add("Relu", m.add("Conv", "picture", m.weights(4, 3, 3, 3), name="first"))
    prepared = _quantized(m.build({"picture": (1, 3, 6, 8)}, [m.add("Conv", y, m.weights(2, 4, 1, 1))]), Scheme())
    model = _checked(prepared.to_onnx())
    ports = [
        (p.name, [d.dim_value for d in p.type.tensor_type.shape.dim]) for p in (*model.graph.input, *model.graph.output)
    ]
    assert ports == [("picture", [1, 3, 6, 8]), ("v2", [1, 2, 4, 6])]
    assert y in {name for node in model.graph.node for name in node.output}
    assert not [n for n in model.graph.node if n.op_type == "Transpose"]


def test_equal_models_make_equal_files() -> None:
    first, second = (_quantized(_built(_residual), Scheme()).to_onnx() for _ in range(2))
    assert first == second


def test_the_file_says_who_made_it_and_how_it_is_rounded() -> None:
    for match, rounding in (("tflm", Rounding.DOUBLE), ("auto", Rounding.SINGLE)):
        prepared = _quantized(_built(_residual), _SCHEMES["int8"], match=match)
        content = prepared.to_onnx()
        model = _checked(content)
        assert (model.producer_name, model.producer_version) == ("edgeq", edgeq.__version__)
        assert {p.key: p.value for p in model.metadata_props} == {"edgeq.rounding": rounding.value}
        assert _read_back(prepared, content, _inputs(prepared)).graph.rounding is rounding


def test_an_unknown_rounding_is_refused() -> None:
    model = onnx.load_model_from_string(qdq())
    helper.set_model_props(model, {"edgeq.rounding": "upwards"})
    with pytest.raises(EdgeqError, match="'upwards'; accepted: double, "):
        prepare(ModelFile("net.onnx", model.SerializeToString()))


def test_every_op_can_be_written() -> None:
    after_it = {"bipolar", "bipolar_conv2d", "bipolar_dense"}  # made by passes that run on what was written
    assert OPS.keys() - EXPORTERS.keys() == {"dequantize", "transpose"} | after_it


# One op at a time

_INPUT = {
    "acos": (-1, 1),
    "acosh": (1.1, 4),
    "asin": (-1, 1),
    "atanh": (-0.9, 0.9),
    "log": (0.1, 4),
    "power": (0.1, 3),
    "reciprocal": (0.3, 4),
    "rsqrt": (0.2, 4),
    "sqrt": (0.1, 4),
    "tan": (-1.2, 1.2),
}
_ATTRS = {"leaky_relu": LeakyReluAttrs(0.2), "power": PowerAttrs(1.7), "silu": SiluAttrs(1.3)}


def _around(op: str, attrs: Any, output: tuple[int, ...], high: float, shape: tuple[int, ...] = (1, 4, 3, 5)) -> Graph:
    """`dequantize(op(quantize(x)))`."""
    quant, wanted = Quant.per_tensor(8 / 255, -3), Quant.per_tensor(max(high, 0.1) / 100, -20)
    if op in ("softmax", "log_softmax", "l2_normalize"):
        wanted = {"softmax": Quant.per_tensor(2**-8, -128), "log_softmax": Quant.per_tensor(2**-4, 127)}.get(
            op, Quant.per_tensor(2**-7, 0)
        )
    if op in ("gather", "mirror_pad", "resize_nearest", "resize_bilinear"):
        wanted = quant
    types = {
        "x": TensorType(shape, DType.F32),
        "q": TensorType(shape, DType.S8, quant),
        "r": TensorType(output, DType.S8, wanted),
        "y": TensorType(output, DType.F32),
    }
    nodes = (
        Node("a", "quantize", ("x",), ("q",), QuantizeAttrs()),
        Node("b", op, ("q",), ("r",), attrs, op),
        Node("c", "dequantize", ("r",), ("y",), DequantizeAttrs()),
    )
    origins = {"x": Origin("x", 0), "r": Origin("y", 1), "y": Origin("y", 1)}
    return Graph("one", ("x",), ("y",), nodes, types, {}, origins, Rounding.SINGLE)


def _compare_with_ort(graph: Graph, low: float, high: float) -> None:
    content = export_onnx(graph)
    _checked(content)
    x = np.random.default_rng(1).uniform(low, high, graph.types["x"].shape).astype(np.float32)
    values, ((integers, type_),) = _Run(graph)(x)
    (reals,) = _run_ort(content, x)
    assert np.abs(integers - _steps(reals, type_)).max() <= 1
    again, _ = tabulate(prepare(ModelFile("again.onnx", content)).graph)
    np.testing.assert_array_equal(_Run(again)(x)[1][0][0], integers)
    assert len(np.unique(values["r"])) > 1


@pytest.mark.parametrize("op", [op.name for op in UNARY])
def test_functions(op: str) -> None:
    low, high = _INPUT.get(op, (-4, 4))
    attrs = _ATTRS.get(op, UnaryAttrs() if OPS[op].attrs is UnaryAttrs else None) or OPS[op].attrs()
    attrs = type(attrs)(**{**vars(attrs), "in_reals": True})
    with np.errstate(all="ignore"):
        (reals,) = OPS[op].eval_float(attrs, [np.linspace(low, high, 50, dtype=np.float32)])
    _compare_with_ort(_around(op, attrs, (1, 4, 3, 5), float(np.abs(reals).max())), low, high)


@pytest.mark.parametrize("op", ["softmax", "log_softmax", "l2_normalize"])
def test_functions_of_rows(op: str) -> None:
    _compare_with_ort(_around(op, OPS[op].attrs(), (1, 4, 3, 5), 1), -4, 4)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("op", ["resize_nearest", "resize_bilinear"])
def test_resizing(op: str, align: bool, half: bool) -> None:
    graph = _around(op, ResizeAttrs((7, 5), align, half), (1, 7, 5, 5), 1)
    if align and half:
        with pytest.raises(UnsupportedModelError, match="accepted: one of both"):
            export_onnx(graph)
    else:
        _compare_with_ort(graph, -4, 4)


@pytest.mark.parametrize("reflect", [False, True])
def test_mirrors(reflect: bool) -> None:
    attrs = MirrorPadAttrs((0, 2, 1, 0), (0, 1, 2, 3), reflect)
    _compare_with_ort(_around("mirror_pad", attrs, (1, 7, 6, 8), 1), -4, 4)


def test_what_onnx_has_no_operator_for_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match=r"beta is 2\.0; accepted: 1"):
        export_onnx(_around("softmax", SoftmaxAttrs(2.0), (1, 4, 3, 5), 1))
    graph = _around("gather", GatherAttrs(1, 1), (1, 2, 3, 5), 1)
    node = graph.nodes[1]
    gather = Node(node.name, node.op, ("q", "i"), ("r",), node.attrs, node.source)
    types = {**graph.types, "i": TensorType((1, 2), DType.S32)}
    picks = {"i": np.array([[2, 0]], np.int32)}
    with pytest.raises(UnsupportedModelError, match="1 batch dimensions; accepted: none"):
        export_onnx(graph.with_(nodes=(graph.nodes[0], gather, graph.nodes[2]), types=types, constants=picks))


# Files


def test_a_compiled_model_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "net.qdq.onnx"
    samples = [s[0] for s in _samples(ModelFile("net", _built(_residual)).load())]
    model = edgeq.compile(_built(_residual), calibrate=samples)
    model.write_onnx(path)
    again = edgeq.compile(path)
    x = np.random.default_rng(0).integers(-128, 128, (1, 8, 8, 3)).astype(np.int8)
    np.testing.assert_array_equal(model.run(x), again.run(x))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a model and samples in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "net.onnx").write_bytes(_built(_residual))
    np.savez("data.npz", x=np.random.default_rng(0).normal(size=(8, 3, 8, 8)).astype(np.float32))
    return tmp_path


def _edgeq(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.mark.usefixtures("folder")
def test_the_command_writes_the_file_and_a_page() -> None:
    result = _edgeq("quantize", "net.onnx", "--calibrate", "data.npz", "-o", "net.qdq.onnx")
    assert result.exit_code == 0, result.output
    for said in ("on 8 samples", "s8[1,8,8,3] @", "s16[1,7] @", "net.qdq.onnx, "):
        assert said in result.stdout
    _checked(Path("net.qdq.onnx").read_bytes())
    expected = edgeq.compile("net.onnx", calibrate="data.npz").prepared.to_onnx()
    assert Path("net.qdq.onnx").read_bytes() == expected
    verbose = _edgeq("quantize", "net.onnx", "--calibrate", "data.npz", "-o", "net.qdq.onnx", "-v").stdout
    assert "range by" in verbose
    assert "gptq" in verbose
    again = _edgeq("quantize", "net.qdq.onnx", "-o", "again.onnx")
    assert "as the file says" in again.stdout
    assert Path("again.onnx").exists()


@pytest.mark.usefixtures("folder")
def test_json_is_all_that_is_printed() -> None:
    arguments = ["--calibrate", "data.npz", "-o", "out.onnx", "--match", "tflm", "--activations", "int16", "--json"]
    document = json.loads(_edgeq("quantize", "net.onnx", *arguments).stdout)
    assert document["rounding"] == "double"
    assert document["output"] == {"file": "out.onnx", "bytes": Path("out.onnx").stat().st_size}
    assert document["ports"]["in_1"] == {"tensor": "x", "type": document["ports"]["in_1"]["type"]}
    assert document["quantization"]["samples"] == 8


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_done_is_a_sentence_and_leaves_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    result = _edgeq("quantize", "net.onnx", "-o", "out.onnx")
    assert result.exit_code == 1
    assert "accepted: sample inputs to quantize it with" in result.stderr
    arguments = ("quantize", "net.onnx", "--calibrate", "data.npz", "-o")
    result = _edgeq(*arguments, "no/folder/out.onnx")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no/folder/out.onnx: cannot be written: No such file or directory" in result.stderr

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    Path("out.onnx").write_bytes(b"old")
    monkeypatch.setattr(Path, "write_bytes", full)
    result = _edgeq(*arguments, "out.onnx")
    assert result.stderr == "edgeq: out.onnx: cannot be written: No space left on device\n"
    assert Path("out.onnx").read_bytes() == b"old"
    assert sorted(p.name for p in Path().iterdir()) == ["data.npz", "net.onnx", "out.onnx"]


@pytest.mark.usefixtures("folder")
def test_options_of_the_c_code_are_unknown() -> None:
    assert "No such option" in _edgeq("quantize", "net.onnx", "-o", "out.onnx", "--float-ports").output


@requires_shared
@pytest.mark.parametrize(
    "name", ["tflm_hello_world_float.tflite", "tinymaix_mnist_valid_float.tflite", "kj_kws_qdq.onnx"]
)
def test_real_models(name: str) -> None:
    file = ModelFile.read(MODELS / name)
    calibration = None if "qdq" in name else Calibration(_samples(file.load()))
    prepared = prepare(file, calibration=calibration)
    content = prepared.to_onnx()
    _checked(content)
    _read_back(prepared, content, _inputs(prepared, 3))
