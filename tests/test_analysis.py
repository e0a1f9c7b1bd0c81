"""`edgeq.compare` and `edgeq compare`: errors layer by layer, accumulated and alone, and classes."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import float_twin
import numpy as np
import pytest
from click.testing import CliRunner, Result
from onnx import helper, numpy_helper

import edgeq
from edgeq.analysis import Comparison, Difference
from edgeq.cli import cli
from edgeq.compiler import CompiledModel, Options, compile_prepared
from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate_float
from edgeq.ir import Quant, TensorType
from edgeq.ir.tensor import dequantize
from edgeq.ops.quantize import quantize_array
from edgeq.quantize import stream
from edgeq.quantize.apply import apply_encodings
from edgeq.quantize.encoding import Encoding
from edgeq.quantize.stream import fake_quantize

_EXAMPLES = Path(__file__).parents[1] / "examples"
_INTEGERS = (_EXAMPLES / "digits_int8.tflite").read_bytes()
_FLOATS = float_twin.twin(_INTEGERS)
_DATA = np.load(_EXAMPLES / "digits.npz")
_X, _Y = (_DATA["x"].astype(np.float32) + 128) / 255, _DATA["y"]
_FIT, _TEST, _LABELS = _X[:50], _X[50:], _Y[50:]


@pytest.fixture(scope="module")
def digits() -> CompiledModel:
    return edgeq.compile(_FLOATS, name="digits", calibrate=_FIT, dead_channels=False)


@pytest.fixture(scope="module")
def compared(digits: CompiledModel) -> Comparison:
    return edgeq.compare(digits, _TEST, _LABELS)


def _difference(right: Any, found: Any) -> Difference:
    """By the definitions, on all samples at once."""
    a, b = (np.concatenate([x.reshape(-1) for x in xs]).astype(np.float64) for xs in (right, found))
    noise = ((a - b) ** 2).sum()
    sqnr = 10 * math.log10((a**2).sum() / noise) if noise else math.inf
    return Difference(sqnr, float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)), float(np.abs(a - b).max()))


def _require_equal(found: Difference, wanted: Difference) -> None:
    assert found.sqnr == pytest.approx(wanted.sqnr, abs=0.01)
    assert found.cosine == pytest.approx(wanted.cosine, abs=1e-7)
    assert found.largest == pytest.approx(wanted.largest, rel=1e-3, abs=1e-5)


def _floats(model: CompiledModel, x: Any) -> dict[str, Any]:
    assert model.quantized is not None
    return evaluate_float(model.quantized.reference, [x[None]])


def test_accumulated_errors_are_those_of_the_c(digits: CompiledModel, compared: Comparison) -> None:
    types, port = digits.program.graph.types, digits.program.inputs[0].type
    traces = [digits.host.trace([quantize_array(x[None], port)]) for x in _TEST]
    reals = [_floats(digits, x) for x in _TEST]
    layers = [layer for layer in compared.layers if layer.op != "input"]
    assert [layer.op for layer in layers] == [
        "conv2d",
        "depthwise_conv2d",
        "conv2d",
        "max_pool2d",
        "reshape",
        "dense",
        "softmax",
    ]
    for layer in layers:
        found = [dequantize(t[layer.value], types[layer.value]) for t in traces]
        _require_equal(layer.accumulated, _difference([r[layer.value] for r in reals], found))


def test_isolated_errors_are_those_of_one_layer_in_a_float_net(digits: CompiledModel, compared: Comparison) -> None:
    quantized = digits.quantized
    assert quantized is not None
    for layer in compared.layers[1:]:
        node = quantized.floats.producers[layer.value]
        graph = quantized.reference
        constants, twin = dict(graph.constants), graph.producers[layer.value]
        for theirs, ours in zip(twin.inputs, node.inputs, strict=True):
            if ours in quantized.encodings.integers:
                integers = quantized.encodings.integers[ours]
                encoding = quantized.encodings.values[ours]
                type_ = TensorType(integers.shape, encoding.dtype, encoding.quant)
                constants[theirs] = dequantize(integers, type_)
            elif ours in quantized.floats.constants:
                constants[theirs] = quantized.floats.constants[ours]
        graph = graph.with_(constants=constants)
        encoding = quantized.encodings.values[layer.value]
        found = [fake_quantize(evaluate_float(graph, [x[None]])[layer.value], encoding) for x in _TEST]
        _require_equal(layer.isolated, _difference([_floats(digits, x)[layer.value] for x in _TEST], found))


def test_outputs_are_those_of_the_c(digits: CompiledModel, compared: Comparison) -> None:
    port, output = digits.program.inputs[0].type, digits.program.outputs[0]
    found = [dequantize(digits.host.run([quantize_array(x[None], port)])[0], output.type) for x in _TEST]
    (result,) = compared.outputs
    real = [_floats(digits, x)[digits.quantized.reference.outputs[0]] for x in _TEST]  # type: ignore[union-attr]
    _require_equal(result.output, _difference(real, found))
    assert (result.symbol, result.tensor, result.unequal) == ("out_1", "digit", 0)
    assert result.scores == next(layer.accumulated for layer in compared.layers if layer.op == "dense")


def test_classes(digits: CompiledModel, compared: Comparison) -> None:
    real = np.array([_floats(digits, x)[digits.quantized.reference.outputs[0]].argmax() for x in _TEST])  # type: ignore[union-attr]
    port = digits.program.inputs[0].type
    ours = np.array([digits.host.run([quantize_array(x[None], port)])[0].argmax() for x in _TEST])
    accuracy = compared.accuracy
    assert accuracy is not None
    assert accuracy.real == np.mean(real == _LABELS)
    assert accuracy.c == accuracy.quantized == np.mean(ours == _LABELS)
    assert accuracy.flips == np.mean(real != ours)
    wrong = real.copy()
    wrong[:15] = (wrong[:15] + 1) % 10
    found = edgeq.compare(digits, _TEST, wrong).accuracy
    assert found is not None
    assert found.real == 135 / 150
    assert found.flips == accuracy.flips
    assert edgeq.compare(digits, _TEST[:3]).accuracy is None


def _coarser(model: CompiledModel, value: str, factor: float) -> CompiledModel:
    """The model with one activation of fewer levels."""
    quantized = model.quantized
    assert quantized is not None
    encodings = dict(quantized.encodings.values)
    old = encodings[value]
    coarse = Quant.per_tensor(old.quant.scale[0] * factor, -128)
    encodings[value] = Encoding(old.dtype, coarse)
    changed = dataclasses.replace(quantized.encodings, values=encodings)
    graph = apply_encodings(quantized.floats, changed, quantized.graph.rounding)
    quantized = dataclasses.replace(quantized, graph=graph, encodings=changed)
    prepared = dataclasses.replace(model.prepared, graph=graph, quantized=quantized)
    return compile_prepared(prepared, "coarse", Options())


def test_a_coarse_layer_spoils_itself_alone_and_all_behind_it(digits: CompiledModel, compared: Comparison) -> None:
    bad = next(layer.value for layer in compared.layers if layer.op == "depthwise_conv2d")
    found = edgeq.compare(_coarser(digits, bad, 24.0), _TEST[:40])
    before = edgeq.compare(digits, _TEST[:40])
    assert found.worst_first("isolated")[0].value == bad
    position = [layer.value for layer in found.layers].index(bad)
    for number, (layer, was) in enumerate(zip(found.layers, before.layers, strict=True)):
        if number == position:
            assert layer.isolated.sqnr < was.isolated.sqnr - 15
        else:
            assert layer.isolated == was.isolated
        if number < position:
            assert layer.accumulated == was.accumulated
        else:
            assert layer.accumulated.sqnr < was.accumulated.sqnr - 10


def test_the_worst_come_first(compared: Comparison) -> None:
    for by in ("accumulated", "isolated"):
        found = [getattr(layer, by).sqnr for layer in compared.worst_first(by)]
        assert found == sorted(found)
        assert sorted(map(str, compared.worst_first(by))) == sorted(map(str, compared.layers))
    assert compared.worst_first("isolated") != compared.worst_first("accumulated")


def test_layers_say_what_they_are(compared: Comparison) -> None:
    first, conv, *_, softmax = compared.layers
    assert (first.op, first.tensor, first.source, first.weights) == ("input", "image", "", "")
    assert (conv.source, conv.tensor, conv.weights) == ('CONV_2D #0 "conv"', "conv", "gptq")
    assert conv.encoding.startswith("s8 @")
    assert (softmax.encoding, softmax.method) == ("s8 @0.00390625-128", "given")


def test_samples_one_by_one_give_the_same(digits: CompiledModel, monkeypatch: pytest.MonkeyPatch) -> None:
    many = edgeq.compare(digits, _TEST[:40])
    monkeypatch.setattr(stream, "_LARGEST_BATCH", 1)
    alone = edgeq.compare(digits, (x for x in _TEST[:40]))
    for a, b in zip(many.layers, alone.layers, strict=True):
        _require_equal(a.accumulated, b.accumulated)
        _require_equal(a.isolated, b.isolated)


def test_the_data_default_to_those_of_the_calibration(digits: CompiledModel) -> None:
    assert edgeq.compare(digits).samples == 50


def test_a_c_that_is_wrong_is_noticed(digits: CompiledModel, compared: Comparison) -> None:
    files = {p: t.replace(".act_min = -128", ".act_min = -100") for p, t in digits.files.items()}
    assert files != digits.files
    found = edgeq.compare(dataclasses.replace(digits, files=files), _TEST, _LABELS)
    assert found.layers == compared.layers
    assert found.outputs[0].unequal > 0
    assert found.outputs[0].scores == compared.outputs[0].scores
    assert found.outputs[0].output.sqnr < compared.outputs[0].output.sqnr


def test_an_integer_model_against_its_float_twin() -> None:
    model = edgeq.compile(_INTEGERS, name="digits")
    found = edgeq.compare(model, _TEST, _LABELS, against=_FLOATS)
    assert found.layers == ()
    assert found.outputs[0].output.sqnr > 30
    assert found.outputs[0].scores is not None
    assert found.accuracy is not None
    assert found.accuracy.real == pytest.approx(found.accuracy.c, abs=0.02)


def test_channels_first_and_channels_last_agree() -> None:
    """The model's file has NCHW, the C NHWC; samples may come either way."""
    rng = np.random.default_rng(0)
    weights = numpy_helper.from_array(rng.standard_normal((4, 3, 3, 3)).astype(np.float32), "w")
    ports = [helper.make_tensor_value_info(n, 1, s) for n, s in (("x", [1, 3, 6, 6]), ("y", [1, 4, 4, 4]))]
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["y"])], "g", ports[:1], ports[1:], [weights])
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    x = rng.standard_normal((20, 3, 6, 6)).astype(np.float32)
    model = edgeq.compile(file, name="net", calibrate=x)
    assert model.program.inputs[0].type.shape == (1, 6, 6, 3)
    first, last = edgeq.compare(model, x), edgeq.compare(model, x.transpose(0, 2, 3, 1))
    assert first == dataclasses.replace(last, notes=first.notes)
    assert first.outputs[0].output.sqnr > 30


@pytest.mark.parametrize(
    ("data", "labels", "message"),
    [
        (_TEST, _LABELS[:7], "labels of uint8[7] for 150 samples; accepted: one integer each"),
        (_TEST, np.zeros(150), "labels of float64[150] for 150 samples"),
        (_TEST, np.full(150, 10), "label 10 for an output of 10 elements; accepted: 0..9"),
        (_TEST, np.full(150, -1), "label -1 for an output"),
        (_TEST[:0], None, "accepted: "),
        (np.zeros((5, 3, 3)), None, "accepted: "),
        (np.full((5, 8, 8, 1), np.nan), None, "NaN"),
    ],
)
def test_data_that_do_not_fit(digits: CompiledModel, data: Any, labels: Any, message: str) -> None:
    with pytest.raises(EdgeqError) as error:
        edgeq.compare(digits, data, labels)
    assert message in str(error.value)


def test_models_that_do_not_fit(digits: CompiledModel) -> None:
    model = edgeq.compile(_INTEGERS, name="digits")
    with pytest.raises(EdgeqError, match="is an integer model"):
        edgeq.compare(model, _TEST)
    with pytest.raises(EdgeqError, match="there are no samples"):
        edgeq.compare(model, against=_FLOATS)
    with pytest.raises(EdgeqError, match="has integer outputs"):
        edgeq.compare(digits, _TEST, against=_INTEGERS)


# the command


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "float.tflite").write_bytes(_FLOATS)
    (tmp_path / "int8.tflite").write_bytes(_INTEGERS)
    np.savez(tmp_path / "fit.npz", x=_DATA["x"][:30])
    np.savez(tmp_path / "test.npz", x=_DATA["x"][50:90], y=_LABELS[:40], other=_LABELS[:40] * 0)
    np.save(tmp_path / "classes.npy", _LABELS[:40].astype(np.int64))
    return tmp_path


_PREPROCESSING = ("--mean", "-128", "--std", "255")


def _edgeq(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["compare", *arguments, *_PREPROCESSING])


def _json(*arguments: str) -> Any:
    result = _edgeq("float.tflite", "--calibrate", "fit.npz", *arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


def _sqnr(entry: Any, by: str) -> float:
    return math.inf if entry[by]["sqnr"] is None else entry[by]["sqnr"]


@pytest.mark.usefixtures("folder")
def test_the_page() -> None:
    result = _edgeq("float.tflite", "--calibrate", "fit.npz", "--data", "test.npz")
    assert (result.exit_code, result.stderr) == (0, "")
    page = result.stdout
    for said in (
        "40 samples of test.npz",
        "top-1  float ",
        "flips  ",
        "depthwise_conv2d DEPTHWISE_CONV_2D #1",
        "out_1",
    ):
        assert said in page
    assert "gptq" in page
    assert "bug" not in page


@pytest.mark.usefixtures("folder")
def test_the_page_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = _edgeq("float.tflite", "--calibrate", "fit.npz").stdout
    assert page
    assert max(map(len, page.splitlines())) <= 80


@pytest.mark.usefixtures("folder")
def test_json() -> None:
    document = _json("--data", "test.npz")
    assert document["samples"] == 40
    assert set(document["accuracy"]) == {"float", "quantized", "c", "flips"}
    found = [_sqnr(layer, "accumulated") for layer in document["layers"]]
    assert found == sorted(found)
    assert document["outputs"][0]["output"]["sqnr"] > 20
    assert _json("--labels", "classes.npy", "--data", "test.npz")["accuracy"] == document["accuracy"]
    assert _json("--labels", "other", "--data", "test.npz")["accuracy"]["float"] == np.mean(_LABELS[:40] == 0)


@pytest.mark.usefixtures("folder")
def test_sorting() -> None:
    found = [_sqnr(layer, "isolated") for layer in _json("--sort", "isolated")["layers"]]
    assert found == sorted(found)
    ops = [layer["op"] for layer in _json("--sort", "order")["layers"]]
    assert ops[:3] == ["input", "conv2d", "depthwise_conv2d"]


@pytest.mark.usefixtures("folder")
def test_all_of_the_calibration_file_is_compared() -> None:
    assert _json("--calibration-samples", "10")["samples"] == 30


@pytest.mark.usefixtures("folder")
def test_an_integer_model_on_the_command_line() -> None:
    result = _edgeq("int8.tflite", "--data", "test.npz", "--against", "float.tflite")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "out_1" in result.stdout


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["float.tflite"], "accepted: --data or --calibrate"),
        (["int8.tflite", "--data", "test.npz"], "accepted: a float model"),
        (["float.tflite", "--calibrate", "fit.npz", "--labels", "z"], "fit.npz: has no array 'z'; accepted: x"),
        (["float.tflite", "--calibrate", "fit.npz", "--labels", "no.npy"], "no.npy: No such file"),
        (["float.tflite", "--calibrate", "fit.npz", "--labels", "classes.npy"], "labels of int64[40] for 30 samples"),
    ],
)
def test_refusals(arguments: list[str], message: str) -> None:
    result = _edgeq(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
    assert "bug" not in result.stderr
