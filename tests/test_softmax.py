"""Softmax: what is refused, and sums for which TensorFlow Lite Micro aborts."""

import re

import kernel_library
import numpy as np
import oracle
import pytest
from tflite_writer import TfliteWriter

from edgeq import gemmlowp, resources
from edgeq.errors import UnsupportedModelError
from edgeq.evaluate import evaluate
from edgeq.importers import import_model
from edgeq.program import build_program


def _model(
    rows: int = 1,
    depth: int = 10,
    *,
    scale: float = 0.1,
    beta: float = 1.0,
    output: tuple[float, int] = (2**-8, -128),
    name: str = "SOFTMAX",
) -> bytes:
    m = TfliteWriter()
    x, y = m.tensor((rows, depth), scale=scale), m.tensor((rows, depth), scale=output[0], zero_point=output[1])
    if name == "SOFTMAX":
        m.operator(name, [x], [y], "SoftmaxOptions", beta=beta)
    else:
        m.operator(name, [x], [y], "LogSoftmaxOptions")
    return m.build([x], [y])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_model(output=(2**-7, -128)), r"accepted: scale and zero point @0.00390625-128"),
        (_model(output=(2**-8, 0)), r"accepted: scale and zero point @0.00390625-128"),
        (_model(depth=4096), "rows of 4096 elements; accepted: up to 4095"),
        (_model(beta=0.0), "times the input's scale is 0.0; accepted: more than"),
        (_model(beta=-1.0), "accepted: more than"),
        (_model(beta=float("nan")), "accepted: more than"),
    ],
)
def test_refusals(model: bytes, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        build_program(import_model(model, "model.tflite"), "net")


def test_an_infinite_beta_leaves_only_the_largest() -> None:
    graph = import_model(_model(depth=3, beta=float("inf")), "model.tflite")
    x = np.array([[5, 7, 6]], np.int8)
    assert evaluate(graph, [x])[graph.outputs[0]].tolist() == [[-128, 127, -128]]


@pytest.mark.parametrize("power", range(-8, 6))
@pytest.mark.parametrize("name", ["SOFTMAX", "LOG_SOFTMAX"])
def test_every_difference(name: str, power: int) -> None:
    """Rows of two, and one of all: powers of 2 are where TFLite skips differences soonest."""
    output = {"SOFTMAX": (2**-8, -128), "LOG_SOFTMAX": (2**-4, 127)}[name]
    every = np.arange(-128, 128, dtype=np.int8)
    for x in (np.stack([every, np.full(256, 127, np.int8)], axis=1), every.reshape(1, 256)):
        model = _model(*x.shape, name=name, scale=2.0**power, output=output)
        graph = import_model(model, "model.tflite")
        expected = evaluate(graph, [x])[graph.outputs[0]]
        np.testing.assert_array_equal(kernel_library.run(build_program(graph, "net"), [x])[0], expected)
        np.testing.assert_array_equal(oracle.run_tflm(model, [x])[0], expected)


def test_the_logarithm() -> None:
    """Of every magnitude of a sum from 1 to 4095, in Q12; the result in Q5."""
    sums = np.unique(np.geomspace(1 << 19, (1 << 31) - 1, 100_000).astype(np.int64))
    found = gemmlowp.log_x_for_x_greater_than_or_equal_to_1(sums) / 2.0**26
    np.testing.assert_allclose(found, np.log(sums / 2.0**19), atol=2.0**-20)


def test_c_has_the_same_constants() -> None:
    """One that is slightly off would show in few outputs of a step of 1/16."""
    here = {value for value in vars(gemmlowp).values() if isinstance(value, int)}
    for file in ("row.h", "edgeq_log_softmax_s8.c"):
        text = (resources.RUNTIME_SOURCES / "softmax" / file).read_text()
        assert {int(number) for number in re.findall(r"\b\d{8,}\b", text)} <= here


@pytest.mark.parametrize("depth", [511, 512, 513, 1023, 1024, 1025, 4095])
def test_of_many_equal_elements_none_gets_half_a_step(depth: int) -> None:
    graph = import_model(_model(depth=depth), "model.tflite")
    x = np.zeros((1, depth), np.int8)
    expected = -127 if depth < 512 else -128
    assert set(evaluate(graph, [x])[graph.outputs[0]].reshape(-1).tolist()) == {expected}
    (found,) = kernel_library.run(build_program(graph, "net"), [x])
    assert set(found.reshape(-1).tolist()) == {expected}
