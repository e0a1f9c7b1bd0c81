"""What `pip install` gets: the package, and the three data folders that lie beside it in the repository."""

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from toolchains import run

_ROOT = Path(__file__).parents[1]
_DATA = ("templates", "runtime_c", "targets")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=_ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_has_the_data_of_the_repository(wheel: zipfile.ZipFile) -> None:
    listed = run(["git", "-C", _ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "--", *_DATA])
    expected = {path for path in listed.splitlines() if (_ROOT / path).is_file()}
    prefix = "edgeq/_data/"
    assert {name.removeprefix(prefix) for name in wheel.namelist() if name.startswith(prefix)} == expected
    for path in expected:
        assert wheel.read(prefix + path) == (_ROOT / path).read_bytes(), path


def test_the_wheel_has_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    sources = {path.relative_to(_ROOT).as_posix() for path in (_ROOT / "edgeq").rglob("*.py")}
    names = set(wheel.namelist())
    assert sources <= names
    assert "edgeq/py.typed" in names
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"edgeq"}
    assert not [name for name in names if name.endswith((".pyc", ".npz", ".tflite"))]


def test_the_wheel_defines_the_command(wheel: zipfile.ZipFile) -> None:
    scripts = configparser.ConfigParser()
    scripts.read_string(wheel.read(_metadata(wheel, "entry_points.txt")).decode())
    assert scripts["console_scripts"]["edgeq"] == "edgeq.cli:main"


def test_the_wheel_carries_the_licence(wheel: zipfile.ZipFile) -> None:
    assert wheel.read(_metadata(wheel, "licenses/LICENSE")) == (_ROOT / "LICENSE").read_bytes()


def test_the_wheel_compiles_a_model_without_the_repository(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    model = tmp_path / "digits.tflite"
    model.write_bytes((_ROOT / "examples" / "digits_int8.tflite").read_bytes())
    script = "import edgeq, sys; print(edgeq.__file__, edgeq.compile(sys.argv[1]).host.self_test())"
    printed = run([sys.executable, "-c", script, model], tmp_path, {"PYTHONPATH": str(tmp_path / "site")})
    assert printed.split() == [str(tmp_path / "site" / "edgeq" / "__init__.py"), "True"]


def _metadata(wheel: zipfile.ZipFile, name: str) -> str:
    return next(path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
