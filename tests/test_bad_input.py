"""What cannot be used is refused in one sentence that names the file and the node, and nothing is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import small_models
import small_onnx
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper
from small_onnx import OnnxWriter

from edgeq.cli import cli

Array = np.ndarray[Any, Any]
Damage = Callable[[onnx.ModelProto], object]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a float model, one with quantizers, and samples that fit both."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.onnx").write_bytes(small_onnx.convolutions())
    (tmp_path / "qdq.onnx").write_bytes(small_onnx.qdq())
    np.save("data.npy", np.random.default_rng(0).normal(size=(8, 3, 8, 8)).astype(np.float32))
    return tmp_path


def _refused(*arguments: str) -> str:
    """The sentence that a command ends with."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("edgeq: ")
    assert not Path("out").exists()
    return result.stderr


def _compile(model: str = "net.onnx", *arguments: str) -> str:
    return _refused("compile", model, "--calibrate", "data.npy", "-o", "out", *arguments)


def _damaged(damage: Damage, data: bytes | None = None) -> str:
    """What is said of a model after some damage."""
    model = onnx.load_from_string(data or small_onnx.convolutions())
    damage(model)
    Path("bad.onnx").write_bytes(model.SerializeToString())
    return _compile("bad.onnx")


def _first(model: onnx.ModelProto) -> onnx.NodeProto:
    return model.graph.node[0]


# The file


@pytest.mark.parametrize("content", [b"", b"hello, world", b"\x00" * 100, small_onnx.convolutions()[:-100]])
@pytest.mark.parametrize("command", [["compile", "bad.onnx", "-o", "out"], ["inspect", "bad.onnx"]])
def test_a_file_that_is_no_model(content: bytes, command: list[str]) -> None:
    Path("bad.onnx").write_bytes(content)
    message = _refused(*command)
    assert message.startswith("edgeq: bad.onnx: ")
    assert "accepted: TFLite files" in message


def test_branches_nested_too_deep_to_read() -> None:
    """Length-delimited field 7 (graph), in it field 1 (node), in it field 5 (attribute), in it field 6 (graph) ..."""
    data = b""
    for field in (7, *[1, 5, 6] * 10_000)[::-1]:
        data = bytes([field << 3 | 2]) + _varint(len(data)) + data
    Path("bad.onnx").write_bytes(b"\x42\x02\x10\x11" + data)
    assert "bad.onnx: begins with" in _compile("bad.onnx")


def _varint(value: int) -> bytes:
    low, high = value & 127, value >> 7
    return bytes([low | 128]) + _varint(high) if high else bytes([low])


@pytest.mark.parametrize(("version", "found"), [(99, "99"), (6, "6"), (0, "0")])
def test_an_opset_that_is_not_known(version: int, found: str) -> None:
    def damage(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = version

    assert f"bad.onnx: opset {found}; accepted: 7 to " in _damaged(damage)


def test_names_that_are_no_text() -> None:
    Path("bad.onnx").write_bytes(small_onnx.convolutions().replace(b"first", b"fi\xff\xfet"))
    assert "bad.onnx: NodeProto.name b'fi\\xff\\xfet' is no text; accepted: UTF-8" in _compile("bad.onnx")


# Nodes


def _with_unknown_op(model: onnx.ModelProto) -> None:
    _first(model).op_type = "Convolve"


def _with_unknown_domain(model: onnx.ModelProto) -> None:
    _first(model).domain = "com.example"


def _without_producer(model: onnx.ModelProto) -> None:
    model.graph.node.remove(_first(model))


def _with_cycle(model: onnx.ModelProto) -> None:
    _first(model).input[0] = model.graph.node[3].output[0]


def _with_two_definitions(model: onnx.ModelProto) -> None:
    model.graph.node[1].output[0] = _first(model).output[0]


def _without_weights(model: onnx.ModelProto) -> None:
    del _first(model).input[1:]


def _with_too_many_inputs(model: onnx.ModelProto) -> None:
    _first(model).input.extend(["image"] * 5)


def _with_two_outputs(model: onnx.ModelProto) -> None:
    _first(model).output.append("more")


def _with_unknown_attribute(model: onnx.ModelProto) -> None:
    _first(model).attribute.append(helper.make_attribute("padding", 1))


def _with_text_for_pads(model: onnx.ModelProto) -> None:
    del _first(model).attribute[:]
    _first(model).attribute.append(helper.make_attribute("pads", "SAME"))


def _with_empty_result(model: onnx.ModelProto) -> None:
    _first(model).attribute.append(helper.make_attribute("kernel_shape", [3, 3]))
    _first(model).attribute.append(helper.make_attribute("dilations", [100, 100]))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_with_unknown_op, 'Convolve #0 "first": Convolve is not supported (`edgeq ops` lists what is)'),
        (_with_unknown_domain, 'Conv #0 "first": com.example.Conv is not supported'),
        (_without_producer, "reads 'v0', which nothing before it defines"),
        (_with_cycle, "Conv #0 \"first\": reads 'v3', which nothing before it defines"),
        (_with_two_definitions, "BatchNormalization #1 \"v0\": defines 'v0', which is defined already"),
        (_without_weights, 'Conv #0 "first": input 1 is missing'),
        (_with_too_many_inputs, 'Conv #0 "first": has 8 inputs; accepted in opset 17: up to 3'),
        (_with_two_outputs, 'Conv #0 "first": has 2 outputs; accepted in opset 17: up to 1'),
        (_with_unknown_attribute, "Conv #0 \"first\": has the attribute 'padding'; accepted in opset 17: "),
        (_with_text_for_pads, "Conv #0 \"first\": attribute 'pads' is STRING; accepted: INTS"),
        (_with_empty_result, 'Conv #0 "first": '),
    ],
)
def test_a_node_that_cannot_be_used(damage: Damage, said: str) -> None:
    message = _damaged(damage)
    assert "bad.onnx: " in message
    assert said in message


# Inputs and outputs


def _output_of_nothing(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = "nothing"


def _no_output(model: onnx.ModelProto) -> None:
    del model.graph.output[:]


def _no_input(model: onnx.ModelProto) -> None:
    del model.graph.input[:]


def _input_twice(model: onnx.ModelProto) -> None:
    model.graph.input.append(model.graph.input[0])


def _input_of_text(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


def _empty_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 0


def _huge_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 1 << 40


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_output_of_nothing, "output 'nothing': reads 'nothing', which nothing before it defines"),
        (_no_output, "has no output"),
        (_no_input, "reads 'image', which nothing before it defines"),
        (_input_twice, "two inputs have one name"),
        (_input_of_text, "input 'image': elements of type STRING; accepted: FLOAT"),
        (_empty_input, "input 'image' is [1, 3, ?, 8]; accepted: its size, as --shape image=1,3,?,8"),
        (_huge_input, " bytes; accepted: up to "),
    ],
)
def test_ports_that_cannot_be_used(damage: Damage, said: str) -> None:
    message = _damaged(damage)
    assert "bad.onnx: " in message
    assert said in message


def test_an_open_dimension_says_how_it_is_pinned() -> None:
    Path("open.onnx").write_bytes(small_onnx.convolutions(("batch", 3, "height", 8)))
    message = _compile("open.onnx")
    assert "open.onnx: input 'image' is [batch, 3, height, 8]; accepted: its size, as --shape image=" in message


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("image=1,3,8", "input 'image' is [batch, 3, height, 8]; the shape [1, 3, 8] given for it does not fit"),
        ("image=1,4,8,8", "the shape [1, 4, 8, 8] given for it does not fit"),
        ("picture=1,3,8,8", "a shape is given for 'picture'; the inputs are 'image'"),
    ],
)
def test_a_shape_that_does_not_fit(shape: str, said: str) -> None:
    Path("open.onnx").write_bytes(small_onnx.convolutions(("batch", 3, "height", 8)))
    message = _compile("open.onnx", "--shape", shape)
    assert "open.onnx: " in message
    assert said in message


# Weights


def _weights(change: Callable[[TensorProto], object]) -> Damage:
    return lambda model: change(model.graph.initializer[0])


def _with(value: float) -> Damage:
    def damage(tensor: TensorProto) -> None:
        array = numpy_helper.to_array(tensor).copy()
        array[1, 2, 0, 1] = value
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))

    return _weights(damage)


def _two_gigabytes(tensor: TensorProto) -> None:
    tensor.dims[:] = [1 << 29]


def _empty(tensor: TensorProto) -> None:
    tensor.dims[0] = 0
    tensor.raw_data = b""


def _external(location: str) -> Damage:
    def damage(tensor: TensorProto) -> None:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    return _weights(damage)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_with(np.nan), "tensor 'c0' holds 1 values that are no finite numbers, the first at [1, 2, 0, 1]"),
        (_with(np.inf), "tensor 'c0' holds 1 values that are no finite numbers, the first at [1, 2, 0, 1]"),
        (_weights(_empty), 'Conv #0 "first": '),
        (_weights(_two_gigabytes), "tensor 'c0' is declared with 2147483648 bytes; accepted: up to "),
        (_weights(lambda t: setattr(t, "raw_data", t.raw_data[:-1])), "tensor 'c0' of shape [8, 3, 3, 3] is cut off"),
        (_weights(lambda t: t.dims.append(-1)), "tensor 'c0' has the shape [8, 3, 3, 3, -1]; accepted: no negative"),
        (_weights(lambda t: setattr(t, "data_type", 99)), "tensor 'c0' has the element type 99; accepted: "),
        (_weights(lambda t: setattr(t, "data_type", TensorProto.STRING)), "tensor 'c0' holds strings"),
        (_external("weights.bin"), "tensor 'c0' lies in the file 'weights.bin' beside the model: "),
        (_external("../../etc/passwd"), "tensor 'c0' lies in the file '../../etc/passwd' beside the model: "),
        (_external("/etc/passwd"), "tensor 'c0' lies in the file '/etc/passwd' beside the model: "),
    ],
)
def test_weights_that_cannot_be_used(damage: Damage, said: str) -> None:
    message = _damaged(damage)
    assert "bad.onnx: " in message
    assert said in message


def test_a_variance_below_zero() -> None:
    m = OnnxWriter()
    ones = m.constant(np.ones(3, np.float32))
    y = m.add("BatchNormalization", "image", ones, ones, ones, m.constant(np.full(3, -1, np.float32)), name="norm")
    Path("bad.onnx").write_bytes(m.build({"image": (1, 3, 8, 8)}, [y]))
    message = _compile("bad.onnx")
    assert 'BatchNormalization #0 "norm"' in message


# Calibration data


def _data(array: Array) -> str:
    np.save("data.npy", array)
    return _compile()


_GOOD = np.zeros((4, 3, 8, 8), np.float32)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.where(np.arange(192).reshape(3, 8, 8) == 7, np.nan, _GOOD), "sample 0 contains NaN or infinity"),
        (np.full_like(_GOOD, np.inf), "sample 0 contains NaN or infinity"),
        (np.full(_GOOD.shape, 1e300), "sample 0 contains NaN or infinity (as float32)"),
        (_GOOD[:, :2], "shape [4,2,8,8]; accepted: "),
        (_GOOD[0, 0], "shape [8,8]; accepted: "),
        (_GOOD.astype(np.complex64), "complex64; accepted: "),
        (_GOOD.astype("U1"), "U1; accepted: "),
        (_GOOD[:0], "data.npy"),
    ],
)
def test_samples_that_cannot_be_used(array: Array, said: str) -> None:
    message = _data(array)
    assert "data.npy" in message
    assert said in message


def test_data_that_are_not_there() -> None:
    Path("data.npy").unlink()
    assert _compile() == "edgeq: data.npy: No such file or directory\n"


def test_data_that_are_no_arrays() -> None:
    Path("data.npy").write_text("hello")
    assert "data.npy: is no .npz or .npy file" in _compile()


def test_an_empty_folder() -> None:
    Path("data.npy").unlink()
    Path("data.npy").mkdir()
    assert "data.npy" in _compile()


def test_data_for_several_inputs() -> None:
    np.savez("data.npz", picture=_GOOD, other=_GOOD)
    message = _compile("net.onnx", "--calibrate", "data.npz")
    assert "data.npz: no array for input 1; accepted: 'image'" in message
    assert "found: picture float32[4, 3, 8, 8], other float32[4, 3, 8, 8]" in message


def test_a_float_model_without_data() -> None:
    message = _refused("compile", "net.onnx", "-o", "out")
    assert message == (
        "edgeq: net.onnx: computes with floats; accepted: sample inputs to quantize it with, as --calibrate DATA\n"
    )


def test_a_model_that_says_only_half() -> None:
    model = onnx.load_from_string(small_onnx.qdq())
    last = next(n for n in model.graph.node if n.name == "last")
    model.graph.node.append(helper.make_node("Tanh", last.output, ["extra"], name="half"))
    model.graph.output.append(helper.make_tensor_value_info("extra", TensorProto.FLOAT, None))
    Path("half.onnx").write_bytes(model.SerializeToString())
    message = _refused("compile", "half.onnx", "-o", "out")
    assert 'Tanh #15 "half": nothing says which reals it holds; accepted: --calibrate with sample inputs' in message


def test_data_for_a_model_of_integers() -> None:
    Path("integers.tflite").write_bytes(small_models.convolutions())
    message = _compile("integers.tflite")
    assert message == "edgeq: integers.tflite: is quantized already; accepted: no calibration data\n"


def test_floats_that_overflow() -> None:
    m = OnnxWriter()
    y = m.add("Exp", m.add("Mul", "image", m.constant(np.float32(1000))), name="grow")
    Path("bad.onnx").write_bytes(m.build({"image": (1, 3, 8, 8)}, [y]))
    message = _compile("bad.onnx")
    assert 'Exp #1 "grow" is infinite for sample 0 of the calibration data; accepted: ' in message


# The scheme


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("activations = [", "scheme.toml: is no TOML"),
        ("activation = 'int8'", "scheme.toml: unknown key 'activation'; accepted: activations, "),
        ("activations = 'int4'", "activations 'int4'; accepted: int8, int16"),
        ("symmetric = 1", "scheme.toml: symmetric is 1; accepted: true or false"),
        ("layers = 3", "scheme.toml: layers; accepted: tables, each headed [[layers]]"),
        ("[[layers]]\nmethod = 'mse'", 'scheme.toml: layer rule 1 has no match; accepted: match = "PATTERN"'),
        ("[[layers]]\nmatch = 'Conv*'\noutputs = 'int8'", "scheme.toml: layer rule 1: unknown key 'outputs'"),
        ("[[layers]]\nmatch = 'Conv*'\nmethod = 'best'", "method 'best'; accepted: auto, "),
        ("[[layers]]\nmatch = 'Convolve*'\nmethod = 'mse'", "scheme: no layer matches 'Convolve*'; `edgeq inspect`"),
    ],
)
def test_a_scheme_that_cannot_be_used(text: str, said: str) -> None:
    Path("scheme.toml").write_text(text)
    assert said in _compile("net.onnx", "--scheme", "scheme.toml")


def test_a_scheme_that_is_not_there() -> None:
    assert _compile("net.onnx", "--scheme", "nowhere.toml") == "edgeq: nowhere.toml: No such file or directory\n"
