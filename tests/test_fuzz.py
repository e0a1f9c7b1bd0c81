"""Damaged files end in one sentence, within a second and bounded memory: never in a traceback, a crash or a hang."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import small_onnx
from shared import onnx_models, requires_shared, tflite_models

_WORKER = Path(__file__).with_name("fuzz.py")
_EXAMPLE = Path(__file__).parents[1] / "examples" / "digits_int8.tflite"
_MUTANTS = 20_000  # of all shared TFLite models together
_ONNX_MUTANTS = 5_000  # of all small ONNX models together, and of all shared ones
_QUICK_MUTANTS = 300
_QUICK_ONNX_MUTANTS = 100


def _findings(model: Path, count: int) -> list[dict[str, object]]:
    command = [sys.executable, "-W", "error", str(_WORKER), str(model), "0", str(count)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # waiting threads would count as time
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)
    assert done.returncode == 0, f"the worker died with {done.returncode}: {done.stderr[-2000:]}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_mutants_of_the_example() -> None:
    assert not _findings(_EXAMPLE, _QUICK_MUTANTS)


@pytest.mark.slow
@requires_shared
@pytest.mark.parametrize("model", tflite_models(), ids=lambda p: p.stem)
def test_mutants_of_shared_models(model: Path) -> None:
    assert not _findings(model, -(-_MUTANTS // len(tflite_models())))


@pytest.mark.parametrize("name", small_onnx.SEEDS)
def test_a_few_mutants_of_small_onnx_models(name: str, tmp_path: Path) -> None:
    assert not _findings(_written(name, tmp_path), _QUICK_ONNX_MUTANTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", small_onnx.SEEDS)
def test_mutants_of_small_onnx_models(name: str, tmp_path: Path) -> None:
    assert not _findings(_written(name, tmp_path), -(-_ONNX_MUTANTS // len(small_onnx.SEEDS)))


@pytest.mark.slow
@requires_shared
@pytest.mark.parametrize("model", onnx_models(), ids=lambda p: p.stem)
def test_mutants_of_shared_onnx_models(model: Path) -> None:
    assert not _findings(model, -(-_ONNX_MUTANTS // len(onnx_models())))


def _written(name: str, folder: Path) -> Path:
    path = folder / f"{name}.onnx"
    path.write_bytes(small_onnx.SEEDS[name]())
    return path
