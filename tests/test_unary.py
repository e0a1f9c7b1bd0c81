"""Functions of one byte, all 256 of them, over many more scales than the operator tests have time for."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import oracle
import pytest
from tflite_writer import TfliteWriter

from edgeq.errors import EdgeqError, UnsupportedModelError
from edgeq.evaluate import evaluate
from edgeq.importers import import_model
from edgeq.program import build_program

_OPERATORS = 400
_BYTES = np.arange(-128, 128).astype(np.int8)

Quant = tuple[float, int]
Rng = np.random.Generator


def _any_quant(rng: Rng) -> Quant:
    return float(np.float32(2.0 ** rng.uniform(-14, 4))), int(rng.integers(-128, 128))


def _near(rng: Rng, x: Quant) -> Quant:
    return float(np.float32(x[0] * 2.0 ** rng.uniform(-4, 6))), int(rng.integers(-128, 128))


def _close_to_halves(rng: Rng, x: Quant) -> Quant:
    """An output of which n steps of the input are k and a half, but for what float32 cannot hold."""
    n = rng.integers(128, 256)
    return float(np.float32(x[0] * 2 * n / (2 * rng.integers(n // 2, n) + 1))), int(rng.integers(-128, 128))


def _slope_close_to_halves(rng: Rng, x: Quant) -> Quant:
    """As above, for steps below 0 and a slope of 0.3."""
    return _close_to_halves(rng, (float(np.float32(0.3)) * x[0], x[1]))


def _gate_close_to_halves(rng: Rng, x: Quant) -> Quant:
    """Close to where the 16 bits of the hard swish's multiplier round up or down."""
    return float(np.float32(x[0] / 128 * 2.0 ** rng.integers(16, 22) / (2 * rng.integers(1 << 14, 1 << 15) + 1))), 3


def _many(name: str, output: Callable[[Rng, Quant], Quant], options: Callable[[Rng], dict[str, Any]]) -> bytes:
    """A model of many operators, each with an input and an output of its own."""
    rng = np.random.default_rng(sum(name.encode()))
    m = TfliteWriter()
    inputs, outputs = [], []
    for _ in range(_OPERATORS):
        quant = _any_quant(rng)
        scale, zero_point = output(rng, quant)
        inputs.append(m.tensor((256,), scale=quant[0], zero_point=quant[1]))
        outputs.append(m.tensor((256,), scale=scale, zero_point=zero_point))
        m.operator(name, inputs[-1:], outputs[-1:], **options(rng))
    return m.build(inputs, outputs)


def _no_options(_: Rng) -> dict[str, Any]:
    return {}


def _slope(rng: Rng) -> dict[str, Any]:
    return {"options": "LeakyReluOptions", "alpha": float(rng.choice([rng.uniform(-2, 2), rng.integers(-8, 8) / 4]))}


def _three_tenths(_: Rng) -> dict[str, Any]:
    return {"options": "LeakyReluOptions", "alpha": 0.3}


def _exp_scale(rng: Rng, x: Quant) -> Quant:
    largest = min((127 - x[1]) * x[0], 80)
    return float(np.float32(np.exp(largest) / 255 * rng.uniform(0.5, 2))), int(rng.integers(-128, 128))


def _gelu_options(rng: Rng) -> dict[str, Any]:
    return {"options": "GeluOptions", "approximate": bool(rng.integers(2))}


@pytest.mark.parametrize(
    ("name", "output", "options", "runtime"),
    [
        ("ABS", _near, _no_options, "tflm"),
        ("ELU", _near, _no_options, "tflm"),
        ("EXP", _exp_scale, _no_options, "litert"),
        ("GELU", _near, _gelu_options, "litert"),
        ("HARD_SWISH", _near, _no_options, "tflm"),
        ("LEAKY_RELU", _near, _slope, "tflm"),
        ("LOG", lambda rng, _: (float(rng.uniform(0.005, 0.1)), int(rng.integers(-128, 128))), _no_options, "litert"),
        ("LOGISTIC", lambda *_: (1 / 256, -128), _no_options, "tflm"),
        ("RELU", _near, _no_options, "tflm"),
        ("RELU", _close_to_halves, _no_options, "tflm"),
        ("RELU6", lambda _, x: x, _no_options, "tflm"),
        ("RELU6", _close_to_halves, _no_options, "litert"),
        ("ABS", _close_to_halves, _no_options, "tflm"),
        ("LEAKY_RELU", _close_to_halves, _slope, "tflm"),
        ("LEAKY_RELU", _slope_close_to_halves, _three_tenths, "tflm"),
        ("HARD_SWISH", _gate_close_to_halves, _no_options, "tflm"),
        ("RELU_0_TO_1", _close_to_halves, _no_options, "litert"),
        ("RELU_N1_TO_1", _close_to_halves, _no_options, "litert"),
        ("RELU6", _near, _no_options, "litert"),
        ("RELU_0_TO_1", _near, _no_options, "litert"),
        ("RELU_N1_TO_1", _near, _no_options, "litert"),
        ("TANH", lambda *_: (1 / 128, 0), _no_options, "tflm"),
    ],
)
def test_tables_equal_the_other_runtime(
    name: str, output: Callable[[Rng, Quant], Quant], options: Callable[[Rng], dict[str, Any]], runtime: str
) -> None:
    data = _many(name, output, options)
    inputs = [_BYTES] * _OPERATORS
    graph = import_model(data, f"{name}.tflite")
    values = evaluate(graph, inputs)
    theirs = oracle.run_tflm(data, inputs) if runtime == "tflm" else oracle.run_litert(data, inputs)
    for value, expected in zip(graph.outputs, theirs, strict=True):
        np.testing.assert_array_equal(values[value], expected, err_msg=str([graph.types[value]]))


def _single(name: str, x: Quant, y: Quant, options: str | None = None, **fields: Any) -> bytes:
    m = TfliteWriter()
    source = m.tensor((256,), scale=x[0], zero_point=x[1])
    target = m.tensor((256,), scale=y[0], zero_point=y[1])
    m.operator(name, [source], [target], options, **fields)
    return m.build([source], [target])


def test_negation_of_symmetric_bytes_is_that_of_litert() -> None:
    data = _single("NEG", (0.25, 0), (0.25, 0))
    graph = import_model(data, "neg.tflite")
    mine = evaluate(graph, [_BYTES])[graph.outputs[0]]
    (theirs,) = oracle.run_litert(data, [_BYTES])
    np.testing.assert_array_equal(mine[1:], theirs[1:])
    assert (mine[0], theirs[0]) == (127, -128), "-(-128) saturates here, wraps there"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (_single("LOGISTIC", (0.1, 0), (1 / 255, -128)), "accepted: @0.00390625-128"),
        (_single("LOGISTIC", (0.1, 0), (1 / 256, 0)), "accepted: @0.00390625-128"),
        (_single("TANH", (0.1, 0), (1 / 256, 0)), "accepted: @0.0078125+0"),
        (_single("HARD_SWISH", (1.0, 0), (1 / 129, 0)), "accepted: an output scale above 1/128"),
        (_single("RELU", (1e30, 0), (1e-30, 0)), "output steps; accepted: up to"),
        (_single("RELU6", (1e-30, 0), (1e-30, 0)), "too small for a fused relu6"),
        (_single("ABS", (1e30, 0), (1e-30, 0)), "output steps; accepted: up to"),
        (_single("LEAKY_RELU", (1e30, 0), (1e30, 0), "LeakyReluOptions", alpha=1e30), "output steps; accepted: up to"),
        (_single("LEAKY_RELU", (1.0, 0), (1.0, 0), "LeakyReluOptions", alpha=float("nan")), "accepted: finite"),
        (_single("ELU", (1.0, 0), (1e-42, 0)), "accepted: reals and a reciprocal"),
    ],
)
def test_what_has_no_meaning_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(UnsupportedModelError, match=re.escape(sentence)):
        build_program(import_model(data, "model.tflite"), "net")


@pytest.mark.parametrize("name", ["ABS", "ELU", "EXP", "GELU", "LOG", "NEG", "RELU", "LEAKY_RELU"])
@pytest.mark.parametrize("zero_point", [-128, 5, 127])
@pytest.mark.parametrize("scale", [1e-44, 1e-38, 1e-20, 1e20, 3e38])
def test_absurd_scales_end_in_bytes_or_a_sentence(name: str, scale: float, zero_point: int) -> None:
    data = _single(name, (scale, zero_point), (max(scale, 1e-38), 127))
    graph = import_model(data, "model.tflite")
    try:
        values = evaluate(graph, [_BYTES])
    except EdgeqError:
        return
    assert values[graph.outputs[0]].dtype == np.int8


@pytest.mark.parametrize(("name", "output"), [("LOGISTIC", (1 / 256, -128)), ("TANH", (1 / 128, 0))])
@pytest.mark.parametrize("scale", [1e-44, 1e-38, 1e-20, 1e20, 3e38])
def test_absurd_scales_of_sigmoids_do_not_fail(name: str, output: Quant, scale: float) -> None:
    graph = import_model(_single(name, (scale, 0), output), "model.tflite")
    values = evaluate(graph, [_BYTES])[graph.outputs[0]]
    assert (np.diff(values.astype(int)) >= 0).all()
