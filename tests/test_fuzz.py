"""Damaged files end in one sentence, within a second and bounded memory: never in a traceback, a crash or a hang."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from shared import requires_shared, tflite_models

_WORKER = Path(__file__).with_name("fuzz.py")
_EXAMPLE = Path(__file__).parents[1] / "examples" / "digits_int8.tflite"
_MUTANTS = 20_000  # of all shared models together
_QUICK_MUTANTS = 300


def _findings(model: Path, count: int) -> list[dict[str, object]]:
    command = [sys.executable, "-W", "error", str(_WORKER), str(model), "0", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"the worker died with {done.returncode}: {done.stderr[-2000:]}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_mutants_of_the_example() -> None:
    assert not _findings(_EXAMPLE, _QUICK_MUTANTS)


@pytest.mark.slow
@requires_shared
@pytest.mark.parametrize("model", tflite_models(), ids=lambda p: p.stem)
def test_mutants_of_shared_models(model: Path) -> None:
    assert not _findings(model, -(-_MUTANTS // len(tflite_models())))
