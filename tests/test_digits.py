"""The model that the project keeps: made by tests/models/make_digits.py, compiled by every reader of the README."""

from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest

import edgeq

_EXAMPLES = Path(__file__).parents[1] / "examples"
_MODEL = _EXAMPLES / "digits_int8.tflite"


@pytest.fixture(scope="module")
def images() -> Any:
    return np.load(_EXAMPLES / "digits.npz")


@pytest.fixture(scope="module")
def outputs(images: Any) -> Any:
    """What the generated C computes for every kept image."""
    model = edgeq.compile(_MODEL)
    assert model.host.self_test()
    return np.concatenate([model.run(x[None]) for x in images["x"]])


def test_the_files_are_small() -> None:
    assert _MODEL.stat().st_size < 20_000
    assert (_EXAMPLES / "digits.npz").stat().st_size < 20_000


def test_the_digits_are_recognised(images: Any, outputs: Any) -> None:
    assert np.mean(outputs.argmax(axis=1) == images["y"]) > 0.96


def test_every_output_equals_tensorflow_lite_micro(images: Any, outputs: Any) -> None:
    theirs = [oracle.run_tflm(_MODEL.read_bytes(), [x[None]])[0] for x in images["x"]]
    np.testing.assert_array_equal(outputs, np.concatenate(theirs))
