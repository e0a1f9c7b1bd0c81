"""What README.md shows works as it is written there, and what the documents list is what there is."""

import re
import runpy
import shutil
import tomllib
from pathlib import Path

import cffi
import numpy as np
import pytest
from click.testing import CliRunner
from toolchains import GCC, M0PLUS, compile_objects, write

import edgeq
from edgeq.build import shared_library
from edgeq.cli import cli
from edgeq.passes import NORMALIZE, PIPELINE

_ROOT = Path(__file__).parents[1]
_DOCUMENTS = sorted([*_ROOT.glob("*.md"), *(_ROOT / "docs").glob("*.md"), *(_ROOT / "targets").glob("*.md")])
_README = (_ROOT / "README.md").read_text()
_ARCHITECTURE = (_ROOT / "docs" / "architecture.md").read_text()


def _block(language: str) -> str:
    """The README's one code block in a language."""
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```", _README, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 1
    return blocks[0]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme") / "digits"
    train = np.load(_ROOT / "examples" / "digits_train.npz")["x"] / np.float32(16)
    edgeq.compile(_ROOT / "examples" / "digits.onnx", calibrate=train).write(folder)
    return folder


def test_the_firmware_reads_digits(digits: Path, tmp_path: Path) -> None:
    app = write(tmp_path, {"app.c": _block("c")}) / "app.c"
    include = [digits, digits / "kernels"]
    library = shared_library([app, *sorted(digits.rglob("*.c"))], tmp_path / "app.so", include=include)
    ffi = cffi.FFI()
    ffi.cdef("int start(void); int read_digit(const uint8_t *pixels);")
    firmware = ffi.dlopen(str(library))
    images = np.load(_ROOT / "examples" / "digits.npz")
    pixels = (images["x"].astype(np.int16) + 128).astype(np.uint8)
    assert firmware.start() == 0
    read = [firmware.read_digit(ffi.from_buffer(image)) for image in pixels]
    assert np.mean(read == images["y"]) > 0.96


@pytest.mark.parametrize("toolchain", [GCC, M0PLUS], ids=lambda t: t.name)
def test_the_firmware_compiles_strictly(digits: Path, toolchain: object, tmp_path: Path) -> None:
    app = write(tmp_path, {"app.c": _block("c")}) / "app.c"
    compile_objects(toolchain, [app], [digits], tmp_path / "objects")


def test_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(_ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(write(tmp_path, {"app.py": _block("python")}) / "app.py"))
    digit, arena = map(int, capsys.readouterr().out.split())
    assert digit == np.load(_ROOT / "examples" / "digits.npz")["y"][0]
    assert f"#define DIGITS_ARENA_SIZE {arena}u" in (tmp_path / "out" / "digits" / "digits.h").read_text()


@pytest.mark.parametrize(
    ("document", "command"),
    [
        ("README.md", "edgeq ops --markdown --names"),
        ("docs/operators.md", "edgeq ops --markdown --format tflite"),
        ("docs/operators.md", "edgeq ops --markdown --format onnx"),
    ],
)
def test_the_operators_are_those_of_the_command(document: str, command: str) -> None:
    found = re.search(rf"<!-- {command} -->\n(.*?)<!-- end -->", (_ROOT / document).read_text(), re.DOTALL)
    assert found
    printed = CliRunner().invoke(cli, command.split()[1:]).stdout
    assert found[1] == printed, f"run `{command}` and paste"


def test_the_table_of_commands_is_complete() -> None:
    assert re.findall(r"^\| `edgeq (\w+)", _README, re.MULTILINE) == list(cli.commands)


def test_the_floors_are_those_that_are_enforced() -> None:
    contracts = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found = re.search(r"<!-- floors.*?-->\n```\n(.*?)```", _ARCHITECTURE, re.DOTALL)
    assert found
    assert found[1].splitlines() == contracts[0]["layers"]


def test_the_passes_are_those_that_run() -> None:
    table = _ARCHITECTURE.partition("## Passes")[2].partition("## ")[0]
    named = [name for name in re.findall(r"^\| (\w[^|]*) \|", table, re.MULTILINE) if name != "pass"]
    assert named == [step.name for step in (*NORMALIZE, *PIPELINE)]


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda p: p.relative_to(_ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        assert "://" in target or (document.parent / target).exists(), target
