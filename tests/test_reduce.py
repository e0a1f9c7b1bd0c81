"""Reductions and searches along axes: every loop, scales far apart, what is refused, outputs wider than a word."""

from typing import Any

import kernel_library
import numpy as np
import oracle
import pytest
from cases.case import random_s8
from tflite_writer import TfliteWriter

from edgeq.errors import UnsupportedModelError
from edgeq.evaluate import evaluate
from edgeq.importers import import_model
from edgeq.program import build_program


def _model(name: str, shape: tuple[int, ...], axes: Any, output: tuple[int, ...], scale: float = 0.5) -> bytes:
    m = TfliteWriter()
    x, y = m.tensor(shape, scale=0.5), m.tensor(output, scale=scale)
    m.operator(name, [x, m.constant(np.array(axes, np.int32))], [y], "ReducerOptions", keepDims=False)
    return m.build([x], [y])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_model("MEAN", (2, 3), [2], (2,)), "axis 2 of a tensor of rank 2"),
        (_model("MEAN", (2, 3), [-3], (2,)), "axis -3 of a tensor of rank 2"),
        (_model("ARG_MAX", (2, 3), [0, 1], ()), r"axes \[0, 1\]; accepted: one"),
        (_model("ARG_MAX", (2, 3), [1], (2,)), "output is s8; accepted: s32 or s64"),
        (_model("REDUCE_MAX", (2, 3), [1], (2,), scale=0.25), "must share scale and zero point"),
        (_model("MEAN", (2,) * 8, [1, 3, 5, 7], (2,) * 4), "accepted: up to 3 groups"),
        (_model("SUM", (1 << 12, (1 << 11) + 1), [0, 1], ()), "8392704 elements are reduced to one; accepted: up to"),
    ],
)
def test_refusals(model: bytes, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        build_program(import_model(model, "model.tflite"), "net")


@pytest.mark.parametrize("name", ["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"])
@pytest.mark.parametrize("axes", [(0, 2, 4), (1, 3, 5), (0, 3), (4, 5)])
def test_every_loop_of_the_kernels(name: str, axes: tuple[int, ...]) -> None:
    shape = (2, 3, 4, 3, 2, 5)
    output = tuple(size for axis, size in enumerate(shape) if axis not in axes)
    scale = {"MEAN": 0.125, "SUM": 4.0}.get(name, 0.5)
    _require_agreement(_model(name, shape, axes, output, scale), random_s8(np.random.default_rng(0), shape))


@pytest.mark.parametrize("power", [-31, -30, -29, -27, -24, -1, 0, 1, 20, 23])
@pytest.mark.parametrize("count", [1, 2, 3, 63, 64, 65])
def test_means_whose_scales_are_far_apart(power: int, count: int) -> None:
    x = random_s8(np.random.default_rng(1), (4, count))
    _require_agreement(_model("MEAN", x.shape, [1], (4,), scale=0.75 * 2.0**-power), x)


def _require_agreement(model: bytes, x: Any) -> None:
    graph = import_model(model, "model.tflite")
    expected = evaluate(graph, [x])[graph.outputs[0]].reshape(-1)
    (found,) = kernel_library.run(build_program(graph, "net"), [x])
    np.testing.assert_array_equal(found.reshape(-1), expected)
    (theirs,) = oracle.run_tflm(model, [x])
    np.testing.assert_array_equal(theirs.reshape(-1), expected)


def test_indices_of_eight_bytes_lie_at_multiples_of_eight() -> None:
    for size in range(1, 25):
        m = TfliteWriter()
        x, y = m.tensor((size,), scale=0.5), m.tensor((), np.int64)
        m.operator("ARG_MAX", [x, m.constant(np.array(0, np.int32))], [y], "ArgMaxOptions", outputType=4)
        program = build_program(import_model(m.build([x], [y]), "model.tflite"), "net")
        assert program.plan.alignment == 8
        (found,) = kernel_library.run(program, [np.arange(size, dtype=np.int8)])
        assert found == size - 1
