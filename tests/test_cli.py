"""The commands: what they print, write and return, and how they fail."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import small_models
from click.testing import CliRunner, Result

import edgeq
from edgeq.cli import cli, options
from edgeq.compiler import Options
from edgeq.oracles import ORACLES
from edgeq.supported import supported

_EXAMPLES = Path(__file__).parents[1] / "examples"
_DIGITS = str(_EXAMPLES / "digits_int8.tflite")
_COMMANDS = ("compile", "run", "verify", "compare", "quantize", "inspect", "ops")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with some models in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.tflite").write_bytes(small_models.convolutions())
    (tmp_path / "pair.tflite").write_bytes(small_models.two_ports())
    (tmp_path / "border.tflite").write_bytes(small_models.float_border())
    (tmp_path / "dead.tflite").write_bytes(small_models.convolutions(dead=2))
    (tmp_path / "unsupported.tflite").write_bytes(small_models.unsupported())
    return tmp_path


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pages whatever terminal the tests were started from."""
    monkeypatch.setenv("COLUMNS", "120")


def _edgeq(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def _ok(*arguments: str) -> str:
    result = _edgeq(*arguments)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def _refused(*arguments: str) -> str:
    result = _edgeq(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("edgeq: ")
    return result.stderr


def _arrays(path: Path) -> dict[str, Any]:
    with np.load(path) as content:
        return dict(content)


# compile


def test_compile_writes_the_folder_and_prints_a_page(folder: Path) -> None:
    page = _ok("compile", "net.tflite", "-o", "out/net")
    model = edgeq.compile("net.tflite")
    for path, content in model.files.items():
        assert (folder / "out" / "net" / path).read_text() == content
    report = model.report
    for said in (
        report.model.sha256,
        "s8[1,8,8,3], scale 0.05, zero point 3, 192 B",
        "3 (1 view",
        f"{report.macs:,}",
        f"{report.weight_bytes:,} B",
        f"{report.memory.arena_bytes:,} B",
        "the lower bound (layer 0, conv2d)",
        f"{len(report.files)} files in out/net; include net.h",
        "edgeq verify net.tflite",
    ):
        assert said in page


@pytest.mark.usefixtures("folder")
def test_the_page_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (["compile", _DIGITS, "-o", "out", "-v"], ["inspect", _DIGITS], ["ops"], ["verify", _DIGITS]):
        page = _ok(*arguments)
        assert max(map(len, page.splitlines())) <= 80


def test_verbose_lists_layers_and_what_passes_did(folder: Path) -> None:
    page = _ok("compile", "dead.tflite", "-o", "out", "-v")
    model = edgeq.compile("dead.tflite")
    for step in model.done:
        assert step.name in page
        assert all(change in page for change in step.changes)
    assert 'CONV_2D #0 "features"' in page
    assert str(folder) not in page


def test_compile_json_is_the_report(folder: Path) -> None:
    assert _ok("compile", "net.tflite", "-o", "out", "--json") == (folder / "out" / "report.json").read_text()


@pytest.mark.usefixtures("folder")
def test_options_are_those_of_the_dataclass() -> None:
    chosen = ["--name", "n", "--float-ports", "--keep-inputs"]
    out = json.loads(_ok("compile", "border.tflite", "-o", "out", *chosen, "--json"))
    assert out["options"] == dataclasses.asdict(Options("n", keep_inputs=True, float_ports=True))
    assert out["inputs"][0]["dtype"] == "f32"
    assert "edgeq verify border.tflite --float-ports" in _ok("compile", "border.tflite", "-o", "out", "--float-ports")
    help_text = _ok("compile", "--help")
    for field in dataclasses.fields(Options):
        assert f"--{'no-' if field.default is True else ''}{field.name.replace('_', '-')}" in help_text


def test_a_switch_that_is_on_is_turned_off_by_no(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = [("fast", bool, dataclasses.field(default=True, metadata={"help": "Fast."}))]
    monkeypatch.setattr(options, "Options", dataclasses.make_dataclass("Switches", fields))

    @click.command()
    @options.compiler_options
    def command(**choices: object) -> None:
        click.echo(repr(options.options_from(choices)))

    assert CliRunner().invoke(command, []).stdout == "Switches(fast=True)\n"
    assert CliRunner().invoke(command, ["--no-fast"]).stdout == "Switches(fast=False)\n"


def test_compiling_again_replaces_and_keeps_foreign_files(folder: Path) -> None:
    _ok("compile", "net.tflite", "-o", "out")
    (folder / "out" / "mine.c").write_text("mine")
    _ok("compile", "pair.tflite", "-o", "out")
    assert not (folder / "out" / "net.h").exists()
    assert (folder / "out" / "pair.h").is_file()
    assert (folder / "out" / "mine.c").read_text() == "mine"


def test_nothing_is_written_for_a_model_that_is_refused(folder: Path) -> None:
    message = _refused("compile", "unsupported.tflite", "-o", "out")
    assert "HASHTABLE_LOOKUP #0" in message
    assert "SKIP_GRAM #1" in message
    assert not (folder / "out").exists()


@pytest.mark.parametrize("command", [["compile", "MODEL", "-o", "out"], ["verify", "MODEL"], ["inspect", "MODEL"]])
@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("nowhere.tflite", "edgeq: nowhere.tflite: No such file or directory\n"),
        (".", "edgeq: .: Is a directory\n"),
        ("text.tflite", "text.tflite: begins with b'hello'; accepted: TFLite files"),
        ("empty.tflite", "empty.tflite: is empty; accepted: TFLite files"),
    ],
)
def test_files_that_are_no_models(folder: Path, command: list[str], model: str, message: str) -> None:
    (folder / "text.tflite").write_text("hello")
    (folder / "empty.tflite").write_text("")
    assert message in _refused(*(model if a == "MODEL" else a for a in command))
    assert not (folder / "out").exists()


@pytest.mark.parametrize("name", ["1a", "a-b", "é", "", "a" * 65, "string"])
def test_names_that_are_no_prefix(folder: Path, name: str) -> None:
    assert "accepted: " in _refused("compile", "net.tflite", "-o", "out", "--name", name)
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("file", "name"), [("string", "net_string"), ("9 lives", "net_9_lives"), ("Ünï", "n"), ("a" * 200, "a" * 48)]
)
def test_names_are_made_from_file_names(folder: Path, file: str, name: str) -> None:
    (folder / "net.tflite").rename(folder / f"{file}.tflite")
    assert json.loads(_ok("compile", f"{file}.tflite", "-o", "out", "--json"))["name"] == name


# run


def test_run_gives_what_the_api_gives(folder: Path) -> None:
    images = _arrays(_EXAMPLES / "digits.npz")["x"]
    page = _ok("run", _DIGITS, "-i", str(_EXAMPLES / "digits.npz"), "-o", "scores.npz")
    assert "200 inferences" in page
    assert "not used: y" in page
    scores = _arrays(folder / "scores.npz")["out_1"]
    model = edgeq.compile(_DIGITS)
    np.testing.assert_array_equal(scores, np.concatenate([model.run(x[None]) for x in images]))


def test_run_several_ports_and_floats(folder: Path) -> None:
    a, b = np.array([[0.5, 1, -1, 100]]), np.array([[2, 2, 2, 2]], np.int8)
    np.savez(folder / "in.npz", a=a, in_2=b)
    document = json.loads(_ok("run", "pair.tflite", "-i", "in.npz", "-o", "o.npz", "--json"))
    assert document["notes"] == ["in_1: float64 quantized with scale 0.5, zero point 3; 25.00% of the values saturate"]
    assert [(o["symbol"], o["tensor"], o["shape"]) for o in document["outputs"]] == [
        ("out_1", "sum", [1, 4]),
        ("out_2", "max", [1, 4]),
    ]
    found = _arrays(folder / "o.npz")
    assert list(found) == ["out_1", "out_2"]
    assert found["out_2"].tolist() == [[4, 5, 2, 127]]


def test_run_npy(folder: Path) -> None:
    np.save(folder / "in.npy", np.zeros((3, 1, 8, 8, 3), np.int8))
    _ok("run", "net.tflite", "-i", "in.npy", "-o", "o.npy")
    assert np.load(folder / "o.npy").shape == (3, 1, 2)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("o.txt", "o.txt: accepted: a name that ends in .npz or .npy"),
        ("o.npy", "o.npy: the model has 2 outputs; accepted: .npz"),
        ("nowhere/o.npz", "nowhere/o.npz: cannot be written: No such file or directory"),
    ],
)
def test_run_refuses_outputs(folder: Path, output: str, message: str) -> None:
    np.savez(folder / "in.npz", a=np.zeros((1, 4), np.int8), b=np.zeros((1, 4), np.int8))
    assert message in _refused("run", "pair.tflite", "-i", "in.npz", "-o", output)


def test_run_refuses_inputs_and_keeps_the_old_output(folder: Path) -> None:
    (folder / "o.npz").write_bytes(b"old")
    np.savez(folder / "in.npz", x=np.zeros((1, 4), np.int8))
    assert "in.npz: array 'x' for in_1: shape [1,4]; accepted: " in _refused(
        "run", "net.tflite", "-i", "in.npz", "-o", "o.npz"
    )
    assert (folder / "o.npz").read_bytes() == b"old"


# verify


@pytest.mark.usefixtures("folder")
def test_verify_finds_no_difference() -> None:
    page = _ok("verify", "net.tflite", "--layers", "--samples", "20", "--seed", "3")
    assert "TensorFlow Lite Micro" in page
    assert "20 random, over the whole range, seed 3" in page
    assert "equal: 20 inferences, 5,240 values, none differs" in page


@pytest.mark.usefixtures("folder")
def test_verify_with_the_users_data() -> None:
    page = _ok("verify", _DIGITS, "-i", str(_EXAMPLES / "digits.npz"), "--against", "litert", "--tolerance", "1")
    assert "200 from " in page
    assert "BUILTIN_REF" in page


@pytest.fixture
def wrong(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model whose generated C is wrong by 1 in the second layer."""

    def compile_wrongly(*arguments: Any, **choices: Any) -> Any:
        model = edgeq.compile(*arguments, **choices)
        files = {path: text.replace(".output_offset = 5,", ".output_offset = 4,") for path, text in model.files.items()}
        return dataclasses.replace(model, files=files)

    monkeypatch.setattr(options, "compile_model", compile_wrongly)
    return str(folder / "net.tflite")


def test_verify_shows_differences_and_fails(wrong: str) -> None:
    result = _edgeq("verify", wrong, "--layers", "--samples", "10")
    assert result.exit_code == 1
    assert "first bad layer: 1 conv2d, CONV_2D #1" in " ".join(result.stdout.split())
    result = _edgeq("verify", wrong, "--tolerance", "1", "--samples", "10")
    assert result.exit_code == 0
    assert "within the tolerance of 1: " in result.stdout


def test_verify_json(wrong: str) -> None:
    result = _edgeq("verify", wrong, "--layers", "--samples", "10", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["passed"] is False
    assert document["first_bad_layer"] == "1 conv2d"
    assert [layer["largest"] for layer in document["layers"]] == [0, 1, 1]


def test_verify_without_the_other_runtime(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = dataclasses.replace(ORACLES["tflm"], module="no_such_module")
    monkeypatch.setattr("edgeq.oracles.ORACLES", {"tflm": missing})
    monkeypatch.setattr("edgeq.verification.ORACLES", {"tflm": missing})
    assert "pip install 'edgeq[verify]'" in _refused("verify", str(folder / "net.tflite"))


# inspect and ops


@pytest.mark.usefixtures("folder")
def test_inspect_shows_the_graph() -> None:
    page = _ok("inspect", "dead.tflite")
    assert "s8[1,8,8,4]" in page
    assert "s8[1,8,8,2]" in _ok("inspect", "dead.tflite", "--optimized")
    assert "6,912" in page
    assert "graph dead\ninput  %t0: s8[1,8,8,3] @0.05+3" in _ok("inspect", "dead.tflite", "--text")


@pytest.mark.usefixtures("folder")
def test_inspect_json() -> None:
    document = json.loads(_ok("inspect", "net.tflite", "--json"))
    assert [n["op"] for n in document["nodes"]] == ["conv2d", "conv2d", "reshape"]
    assert document["macs"] == 8 * 8 * 4 * 27 + 8 * 8 * 4 * 2
    assert document["weight_bytes"] == 4 * 27 + 4 * 4 + 2 * 8 * 8 * 4 + 2 * 4


def test_names_in_a_model_cannot_drive_the_terminal(folder: Path) -> None:
    model = small_models.convolutions().replace(b"features", b"\x1b[2J\x07[b]")
    (folder / "evil.tflite").write_bytes(model)
    for command, *further in (["inspect"], ["inspect", "--text"], ["compile", "-o", "out", "-v"]):
        page = _ok(command, "evil.tflite", *further)
        assert "\x1b" not in page
        assert "\x07" not in page
        assert "[2J" in page
        assert "[b]" in page


def test_ops_lists_every_operator() -> None:
    page, markdown, names = _ok("ops"), _ok("ops", "--markdown"), _ok("ops", "--names")
    document = json.loads(_ok("ops", "--json"))
    assert [o["operator"] for o in document["operators"]] == [s.operator for s in supported()]
    for support in supported():
        assert support.operator in page
        assert support.operator in markdown
        assert support.note in markdown or not support.kernels
        assert f"{support.operator}\n" in names
    assert {s.format for s in supported()} == {"tflite", "onnx"}
    assert _ok("ops", "--names", "--format", "onnx").splitlines() == [s.operator for s in supported("onnx")]


# exit statuses


@pytest.mark.parametrize("arguments", ["nonsense", "compile", "compile m", "verify m --samples 0", "run m -i x"])
def test_wrong_usage_is_2(arguments: str) -> None:
    assert _edgeq(*arguments.split()).exit_code == 2


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    assert _ok(command, "--help").startswith("Usage: cli ")


def _raising(error: BaseException) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_an_unexpected_exception_is_called_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "compile_model", _raising(KeyError("x")))
    result = _edgeq("compile", "m.tflite", "-o", "out")
    assert result.exit_code == 70
    assert "this is a bug in edgeq, not in your model: KeyError: 'x'" in result.stderr
    assert "Traceback" not in result.stderr
    monkeypatch.setenv("EDGEQ_TRACEBACK", "1")
    assert "Traceback" in _edgeq("compile", "m.tflite", "-o", "out").stderr


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "compile_model", _raising(KeyboardInterrupt()))
    result = _edgeq("compile", "m.tflite", "-o", "out")
    assert (result.exit_code, result.stderr) == (130, "edgeq: interrupted\n")


# as a process


def _process(*arguments: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgeq", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)


def test_python_m_edgeq(folder: Path) -> None:
    done = _process("compile", "net.tflite", "-o", "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "out" / "net.h").is_file()
    assert _process("--version").stdout == f"edgeq {edgeq.__version__}\n"
    assert _process("compile", "no.tflite", "-o", "out").returncode == 1
    assert _process("compile").returncode == 2


def test_the_console_script_is_the_same_program() -> None:
    script = Path(sys.executable).with_name("edgeq")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == _process("--version").stdout


def test_a_broken_pipe_is_quiet() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "edgeq", "ops", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_terminal_that_knows_only_ascii(folder: Path) -> None:
    (folder / "é.tflite").write_bytes(small_models.convolutions().replace(b"features", "f\u00e9ature".encode()))
    done = _process("inspect", "é.tflite", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "f?ature" in done.stdout


@pytest.mark.usefixtures("folder")
def test_interrupting_a_run_leaves_nothing() -> None:
    command = [sys.executable, "-m", "edgeq", "verify", "net.tflite", "--samples", "1000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not children.read_text():
            time.sleep(0.01)  # until it has started the C compiler
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, err) == ("", "edgeq: interrupted\n")
