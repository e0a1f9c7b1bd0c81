"""`verify` sees every difference, names the first bad layer, and survives whatever the other runtime does."""

import dataclasses

import numpy as np
import pytest
import small_models
import small_onnx

import edgeq
from edgeq import oracles
from edgeq.compiler import CompiledModel
from edgeq.errors import EdgeqError
from edgeq.oracles import ORACLES
from edgeq.verification import verify


@pytest.fixture(scope="module")
def two_ports() -> CompiledModel:
    return edgeq.compile(small_models.two_ports())


def _broken(model: CompiledModel, file: str, old: str, new: str) -> CompiledModel:
    """The same model with an error in its C."""
    text = model.files[file]
    assert old in text
    return dataclasses.replace(model, files={**model.files, file: text.replace(old, new)})


@pytest.mark.parametrize(
    ("data", "against"),
    [
        (small_models.convolutions(), "tflm"),
        (small_models.convolutions(), "litert"),
        (small_models.convolutions(batch=2), "tflm"),
        (small_models.convolutions(np.uint8), "litert"),
        (small_models.two_ports(), "tflm"),
        (small_models.float_border(), "tflm"),
    ],
    ids=["tflm", "litert", "batch", "uint8", "two ports", "float border"],
)
def test_everything_is_equal(data: bytes, against: str) -> None:
    model = edgeq.compile(data)
    result = verify(model, against, layers=True)
    assert result.passed
    assert result.first_bad is None
    assert len(result.layers) == len(model.program.layers)
    assert [c.compared for c in result.outputs] == [100 * p.type.size for p in model.program.outputs]
    assert all(c.compared and c.different == 0 and c.largest == 0 for c in (*result.outputs, *result.layers))


def test_float_ports_are_compared_as_floats() -> None:
    result = verify(edgeq.compile(small_models.float_border(), float_ports=True), layers=True)
    assert result.passed
    assert [c.type.split("[")[0] for c in result.layers] == ["s8", "s8", "f32"]


def test_the_channels_that_are_left_are_compared() -> None:
    model = edgeq.compile(small_models.convolutions(dead=2))
    assert model.program.graph.types[model.program.layers[0].outputs[0].value].shape == (1, 8, 8, 2)
    result = verify(model, layers=True)
    assert result.passed
    assert result.layers[0].compared == 100 * 8 * 8 * 2


def test_an_error_in_the_c_is_seen_and_located() -> None:
    """The zero point of the second convolution: the first layer stays right, all behind it is wrong."""
    broken = _broken(
        edgeq.compile(small_models.convolutions()), "model.c", ".output_offset = 5,", ".output_offset = 4,"
    )
    result = verify(broken, layers=True)
    assert not result.passed
    assert result.first_bad is not None
    assert result.first_bad.source.startswith("CONV_2D #1")
    assert [c.different > 0 for c in result.layers] == [False, True, True]
    assert result.outputs[0].largest == 1
    assert 0 < result.outputs[0].different <= result.outputs[0].compared
    assert verify(broken, layers=True, tolerance=1).passed


def test_differences_of_dequantized_outputs_count_in_steps() -> None:
    model = edgeq.compile(small_models.float_border())
    broken = _broken(
        model,
        "model.c",
        "return MODEL_OK;\n}\n\nconst struct",
        "model_out_1(context)[2] ^= 1;\n    return MODEL_OK;\n}\n\nconst struct",
    )
    (output,) = verify(broken).outputs
    assert output.different == 100
    assert output.largest == 1


def test_the_runtime_and_its_version_are_stated(two_ports: CompiledModel) -> None:
    result = verify(two_ports, "litert")
    assert "BUILTIN_REF" in result.runtime
    assert result.package == "ai-edge-litert"
    assert result.version


def test_known_deviations_are_named_where_the_model_has_them(two_ports: CompiledModel) -> None:
    assert not verify(two_ports, "litert").deviations
    (line,) = verify(edgeq.compile(small_models.convolutions(np.uint8)), "litert").deviations
    assert line.startswith("uint8: ")


def test_an_unknown_runtime(two_ports: CompiledModel) -> None:
    with pytest.raises(EdgeqError, match="unknown runtime 'onnx'; accepted: auto, edgeq, tflm, litert, onnxruntime"):
        verify(two_ports, "onnx")


def test_shapes_that_the_file_declares_wrongly() -> None:
    """TFLM would write behind the end of such a tensor; LiteRT computes the shape itself, as edgeq does."""
    model = edgeq.compile(small_models.open_batch())
    with pytest.raises(
        EdgeqError, match=r'tensor 1 "parts" as \[1, 2, 2, 1\], but the shape is \[4, 2, 2, 1\]; accepted:'
    ):
        verify(model)
    assert verify(model, "litert", layers=True).passed


def test_a_runtime_that_is_not_installed(two_ports: CompiledModel, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = dataclasses.replace(ORACLES["tflm"], module="no_such_module")
    monkeypatch.setattr(oracles, "ORACLES", {"tflm": missing})
    with pytest.raises(EdgeqError, match=r"not installed; install it with `pip install 'edgeq\[verify\]'`"):
        verify(two_ports)


def test_a_runtime_that_refuses_the_model_is_quoted() -> None:
    with pytest.raises(
        EdgeqError, match=r"(?s)TensorFlow Lite Micro.* does not run this model: RuntimeError.*last words"
    ):
        verify(edgeq.compile(small_models.convolutions(np.uint8)), "tflm")


@pytest.mark.parametrize(
    ("die", "how"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import os; os._exit(3)", "exit status 3"),
        ("import os; os.abort()", "SIGABRT"),
    ],
)
@pytest.mark.parametrize("at", ["load", "run"])
def test_a_crash_of_the_runtime_is_an_error_message(
    two_ports: CompiledModel, monkeypatch: pytest.MonkeyPatch, die: str, how: str, at: str
) -> None:
    """The other process is told to load a runtime that dies."""
    body = f"def __init__(self, *a, **k):\n  {die if at == 'load' else 'pass'}\n def run(self, x):\n  {die}"
    program = (
        "import dataclasses, os\nfrom edgeq import oracles\n"
        f"class Dying:\n {body}\n"
        "oracles.ORACLES = {'tflm': dataclasses.replace(oracles.ORACLES['tflm'], load=Dying)}\n"
        "os.write(2, b'the reason')\noracles.serve()"
    )
    monkeypatch.setattr(oracles, "_SERVER", program)
    with pytest.raises(EdgeqError, match=rf"(?s)crashed on this model \({how}\).*last words: the reason"):
        verify(two_ports)


# Models that have no TFLite file of integers


def _calibrated(data: bytes = small_onnx.convolutions(), **choices: object) -> CompiledModel:
    samples = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype(np.float32)
    return edgeq.compile(data, calibrate=samples, **choices)


@pytest.fixture(scope="module")
def calibrated() -> CompiledModel:
    return _calibrated()


def test_what_edgeq_quantized_equals_its_integers(calibrated: CompiledModel) -> None:
    result = verify(calibrated, layers=True)
    assert result.package == "numpy"
    assert result.passed
    assert len(result.layers) == len(calibrated.program.layers)
    assert all(c.compared and c.different == 0 for c in (*result.outputs, *result.layers))


def test_an_error_in_the_c_of_what_edgeq_quantized_is_located(calibrated: CompiledModel) -> None:
    shown = [line for line in calibrated.files["model.c"].splitlines() if ".output_offset = " in line]
    broken = _broken(calibrated, "model.c", shown[1], f"{shown[1].rstrip(',')} + 1,")
    result = verify(broken, layers=True)
    assert not result.passed
    assert result.first_bad is not None
    assert [c.different > 0 for c in result.layers].index(True) == int(result.first_bad.name.split()[0])


@pytest.mark.parametrize("data", [small_onnx.qdq(), small_onnx.qlinear()], ids=["qdq", "qlinear"])
def test_a_quantized_onnx_file_agrees_with_onnx_runtime(data: bytes) -> None:
    model = edgeq.compile(data)
    result = verify(model, "onnxruntime")
    assert result.package == "onnxruntime"
    assert result.tolerance == 1
    assert result.passed
    (output,) = result.outputs
    assert output.compared == 500
    assert output.different < 50
    assert verify(model).package == "numpy"


def test_the_file_has_other_layouts_than_the_ports() -> None:
    """The image goes to ONNX Runtime channels first, and the feature map comes back so."""
    model = edgeq.compile(small_onnx.feature_map())
    assert model.program.inputs[0].type.shape == (1, 6, 5, 3)
    assert model.program.outputs[0].type.shape == (1, 6, 5, 4)
    assert verify(model, "onnxruntime").passed
    broken = _broken(model, "model.c", "return MODEL_OK;\n}\n\nconst struct", _FLIP)
    (output,) = verify(broken, "onnxruntime").outputs
    assert output.different >= 100


_FLIP = "model_out_1(context)[2] ^= 64;\n    return MODEL_OK;\n}\n\nconst struct"


def test_before_a_softmax_of_reals() -> None:
    """A step of what a softmax reads is many steps of what it makes."""
    model = edgeq.compile(small_onnx.qdq(softmax=True))
    (output,) = verify(model, "onnxruntime").outputs
    assert output.name == "out_1 before its softmax"
    assert output.largest <= 1


@pytest.mark.parametrize(
    ("model", "against", "why", "accepted"),
    [
        ("calibrated", "tflm", "it is an ONNX file, and a TFLite file is needed", "edgeq"),
        ("calibrated", "onnxruntime", "it computes with floats, and edgeq has quantized it", "edgeq"),
        ("two_ports", "onnxruntime", "it is a TFLite file, and an ONNX file is needed", "edgeq, tflm, litert"),
    ],
)
def test_runtimes_that_cannot_show_anything(
    model: str, against: str, why: str, accepted: str, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(EdgeqError, match=f"model cannot be compared with .*: {why}; accepted: {accepted}$"):
        verify(request.getfixturevalue(model), against)


def test_arithmetic_that_is_not_tflms() -> None:
    model = edgeq.compile(small_models.two_ports(), match="single")
    assert verify(model).package == "numpy"
    with pytest.raises(EdgeqError, match=r"its arithmetic was chosen to be another; accepted: edgeq$"):
        verify(model, "tflm")


def test_a_softmax_that_was_left_out() -> None:
    model = edgeq.compile(small_onnx.qdq(softmax=True), softmax=False)
    assert verify(model).passed
    with pytest.raises(EdgeqError, match=r"its last softmax was left out; accepted: edgeq$"):
        verify(model, "onnxruntime")


def test_layers_of_an_onnx_file() -> None:
    with pytest.raises(EdgeqError, match="onnxruntime shows no layers of quantized models; accepted: edgeq"):
        verify(edgeq.compile(small_onnx.qdq()), "onnxruntime", layers=True)
