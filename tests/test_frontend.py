"""The ways from a model file to an integer graph."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_onnx
from small_onnx import OnnxWriter
from tflite_writer import TfliteWriter

from edgeq.errors import EdgeqError
from edgeq.fixedpoint import Rounding
from edgeq.frontend import MATCHES, Calibration, ModelFile, Prepared, data_ports, is_float, prepare
from edgeq.ir import DType
from edgeq.quantize.columns import Port
from edgeq.quantize.scheme import Scheme

_NORMAL = np.random.default_rng(0).normal


def _float_tflite(*, softmax: bool = True) -> bytes:
    m = TfliteWriter()
    x = m.tensor((1, 8), np.float32, name="x")
    scores, y = m.tensor((1, 4), np.float32, name="scores"), m.tensor((1, 4), np.float32, name="classes")
    weights = m.constant(_NORMAL(size=(4, 8)).astype(np.float32))
    m.operator("FULLY_CONNECTED", [x, weights, m.constant(np.ones(4, np.float32))], [scores], "FullyConnectedOptions")
    if softmax:
        m.operator("SOFTMAX", [scores], [y], "SoftmaxOptions", beta=1.0)
    return m.build([x], [y if softmax else scores])


def _integer() -> bytes:
    """A dense layer on int8, and a softmax."""
    m = TfliteWriter()
    x = m.tensor((1, 8), np.int8, scale=0.1, zero_point=3, name="x")
    scores = m.tensor((1, 4), np.int8, scale=0.2, zero_point=-5, name="scores")
    y = m.tensor((1, 4), np.int8, scale=1 / 256, zero_point=-128, name="classes")
    weights = m.constant(np.arange(32, dtype=np.int8).reshape(4, 8), scale=0.05, zero_point=0)
    m.operator("FULLY_CONNECTED", [x, weights, -1], [scores], "FullyConnectedOptions")
    m.operator("SOFTMAX", [scores], [y], "SoftmaxOptions", beta=1.0)
    return m.build([x], [y])


def _data(*shape: int, count: int = 16) -> Calibration:
    return Calibration(_NORMAL(size=(count, *shape)).astype(np.float32))


def _prepare(content: bytes, **arguments: Any) -> Prepared:
    return prepare(ModelFile.read(content), **arguments)


class TestIntegerModels:
    """Are taken as they are."""

    def test_tflite_is_not_touched(self) -> None:
        content = _integer()
        prepared = _prepare(content)
        assert prepared.graph == prepared.imported
        assert prepared.quantized is None
        assert prepared.done == ()
        assert prepared.graph.rounding is Rounding.DOUBLE

    @pytest.mark.parametrize("match", MATCHES)
    def test_another_rounding_can_be_asked_for(self, match: str) -> None:
        assert _prepare(_integer(), match=match).graph.rounding is MATCHES[match]

    def test_data_are_refused(self) -> None:
        with pytest.raises(EdgeqError, match="model: is quantized already; accepted: no calibration data"):
            _prepare(_integer(), calibration=_data(1))


class TestFloatModels:
    """Are quantized with data, and only with data."""

    def test_tflite(self) -> None:
        prepared = _prepare(_float_tflite(), calibration=_data(8))
        assert is_float(prepared.imported)
        assert prepared.quantized is not None
        assert prepared.quantized.samples == 16
        assert prepared.data is not None
        assert prepared.graph.rounding is Rounding.SINGLE
        assert prepared.done
        assert any(t.dtype is DType.S8 for t in prepared.graph.types.values())

    def test_onnx(self) -> None:
        prepared = _prepare(small_onnx.convolutions(), calibration=_data(3, 8, 8))
        assert prepared.quantized is not None
        (port,) = prepared.graph.inputs
        assert prepared.graph.types[port].shape == (1, 8, 8, 3)

    @pytest.mark.parametrize("content", [_float_tflite(), small_onnx.convolutions()], ids=["tflite", "onnx"])
    def test_without_data_they_are_refused(self, content: bytes) -> None:
        with pytest.raises(EdgeqError, match=r"model: computes with floats; accepted: sample.* --calibrate DATA"):
            _prepare(content)

    def test_quantized_weights_alone_do_not_make_a_model_quantized(self) -> None:
        """As hybrid TFLite files have them."""
        m = TfliteWriter()
        x, y = m.tensor((1, 8), np.float32, name="x"), m.tensor((1, 4), np.float32, name="y")
        integers = m.constant(np.ones((4, 8), np.int8), scale=0.05, zero_point=0)
        weights = m.tensor((4, 8), np.float32)
        m.operator("DEQUANTIZE", [integers], [weights], "DequantizeOptions")
        m.operator("FULLY_CONNECTED", [x, weights, -1], [y], "FullyConnectedOptions")
        with pytest.raises(EdgeqError, match="computes with floats; accepted: sample inputs"):
            _prepare(m.build([x], [y]))

    @pytest.mark.parametrize("match", MATCHES)
    def test_another_rounding_can_be_asked_for(self, match: str) -> None:
        assert _prepare(_float_tflite(), calibration=_data(8), match=match).graph.rounding is MATCHES[match]

    def test_a_scheme(self) -> None:
        prepared = _prepare(_float_tflite(), calibration=_data(8), scheme=Scheme(activations="int16"))
        inner = [t for v, t in prepared.graph.types.items() if v not in prepared.graph.constants]
        assert DType.S8 not in {t.dtype for t in inner}

    def test_the_layout_of_the_file_can_be_kept(self) -> None:
        prepared = _prepare(small_onnx.convolutions(), calibration=_data(3, 8, 8), input_layout="keep")
        assert prepared.graph.types[prepared.graph.inputs[0]].shape == (1, 3, 8, 8)

    def test_shapes_that_the_file_leaves_open(self) -> None:
        content = small_onnx.SEEDS["open"]()
        shapes = {"image": (1, 3, 8, 8)}
        prepared = _prepare(content, calibration=_data(3, 8, 8), shapes=shapes)
        assert prepared.graph.types[prepared.graph.inputs[0]].shape == (1, 8, 8, 3)


class TestModelsThatSayHow:
    """Q/DQ models need no data; data may say more."""

    @pytest.mark.parametrize("model", [small_onnx.qdq, small_onnx.qlinear])
    def test_without_data(self, model: Callable[[], bytes]) -> None:
        prepared = _prepare(model())
        assert prepared.quantized is not None
        assert prepared.quantized.samples == 0
        assert prepared.graph.rounding is Rounding.FLOAT32
        assert {t.method for t in prepared.quantized.tensors} == {"given"}
        assert {layer.method for layer in prepared.quantized.layers} == {"given"}

    def test_with_data(self) -> None:
        """What the file says is kept."""
        without, prepared = _prepare(small_onnx.qdq()), _prepare(small_onnx.qdq(), calibration=_data(3, 8, 8))
        assert prepared.quantized is not None
        assert without.quantized is not None
        assert prepared.quantized.samples == 16
        assert prepared.graph.rounding is Rounding.SINGLE
        theirs = {t.value: t.encoding for t in without.quantized.tensors}
        assert {t.value: t.encoding for t in prepared.quantized.tensors if t.method == "given"} == theirs

    @pytest.mark.parametrize("match", MATCHES)
    def test_another_rounding_can_be_asked_for(self, match: str) -> None:
        assert _prepare(small_onnx.qdq(), match=match).graph.rounding is MATCHES[match]


class TestSoftmax:
    """At the end it can be left out."""

    @pytest.mark.parametrize("integer", [False, True])
    def test_of_tflite(self, integer: bool) -> None:
        content = _integer() if integer else _float_tflite()
        data = None if integer else _data(8)
        kept = _prepare(content, calibration=data)
        assert "softmax" in [node.op for node in kept.graph.nodes]
        without = _prepare(content, calibration=data, final_softmax=False)
        assert "softmax" not in [node.op for node in without.graph.nodes]
        assert without.graph.origins[without.graph.outputs[0]].name == "scores"
        scores = without.graph.types[without.graph.outputs[0]]
        assert scores.dtype is (DType.S8 if integer else DType.F32)
        if not integer:
            source = without.graph.producers[without.graph.outputs[0]].inputs[0]
            assert without.graph.types[source].dtype is DType.S16

    def test_behind_a_reshape(self) -> None:
        m = OnnxWriter()
        y = m.add("Softmax", m.add("Gemm", "x", m.weights(8, 4)), axis=1)
        content = m.build({"x": (1, 8)}, [m.add("Reshape", y, m.integers(4))])
        without = _prepare(content, calibration=_data(8), final_softmax=False)
        assert "softmax" not in [node.op for node in without.graph.nodes]

    def test_where_there_is_none(self) -> None:
        content = _float_tflite(softmax=False)
        with_, without = (_prepare(content, calibration=_data(8), final_softmax=f) for f in (True, False))
        assert len(with_.graph.nodes) == len(without.graph.nodes)


def test_ports_for_data() -> None:
    """Under the names of the file, in either order of axes."""
    prepared = _prepare(small_onnx.convolutions(), calibration=_data(3, 8, 8))
    assert data_ports(prepared.graph) == [Port("image", (1, 8, 8, 3), DType.F32, (1, 3, 8, 8), (0, 2, 3, 1))]
    imported = ModelFile.read(small_onnx.convolutions()).load()
    assert data_ports(imported) == [Port("image", (1, 3, 8, 8))]


def test_either_order_of_axes() -> None:
    """The same samples with channels first and last make the same graph."""
    first = _NORMAL(size=(8, 3, 8, 8)).astype(np.float32)
    graphs = [
        _prepare(small_onnx.convolutions(), calibration=Calibration(x)).graph
        for x in (first, first.transpose(0, 2, 3, 1))
    ]
    assert graphs[0] == graphs[1]


def test_a_choice_of_samples() -> None:
    calibration = Calibration(_NORMAL(size=(50, 8)).astype(np.float32), count=10, seed=3)
    prepared = _prepare(_float_tflite(), calibration=calibration)
    assert prepared.quantized is not None
    assert prepared.data is not None
    assert prepared.quantized.samples == 10
    again = _prepare(_float_tflite(), calibration=Calibration(calibration.source, count=10, seed=4))
    assert again.data is not None
    assert prepared.data.indices != again.data.indices


def test_files(tmp_path: Path) -> None:
    content = _integer()
    (tmp_path / "net.tflite").write_bytes(content)
    file = ModelFile.read(tmp_path / "net.tflite")
    assert (file.where, file.format, file.folder, file.data) == ("net.tflite", "tflite", tmp_path, content)
    assert len(file.sha256) == 64
    assert ModelFile.read(content).where == "model"
    assert ModelFile.read(small_onnx.qdq()).format == "onnx"
    assert ModelFile.read(b"?").format == "unknown"
    with pytest.raises(EdgeqError, match="No such file"):
        ModelFile.read(tmp_path / "nowhere.tflite")
