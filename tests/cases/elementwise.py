"""Arithmetic of two operands: every broadcast of either side, constants, an operand with itself, fused activations."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, random_s8, random_s16, scales, seeds, zero_points

Shape = tuple[int, ...]

_OPTIONS = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions", "MAXIMUM": "MaximumMinimumOptions"}
_OPTIONS |= {"MINIMUM": "MaximumMinimumOptions"}

_TFLM_RANK = 6
"""The highest that TFLM takes."""

_S16_IN_TFLM = frozenset({"ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"})


@st.composite
def _shapes(draw: st.DrawFn) -> tuple[Shape, Shape, Shape]:
    """Two operands and what they are broadcast to; either may lack leading dimensions."""
    longest = draw(st.sampled_from([_TFLM_RANK] * 4 + [8]))
    sizes = draw(st.lists(st.integers(1, 4 if longest == _TFLM_RANK else 3), max_size=longest))
    owners = [draw(st.sampled_from(["both", "both", "first", "second"])) for _ in sizes]
    first = [1 if owner == "second" else n for n, owner in zip(sizes, owners, strict=True)]
    second = [1 if owner == "first" else n for n, owner in zip(sizes, owners, strict=True)]
    return _shortened(draw, first), _shortened(draw, second), tuple(sizes)


def _shortened(draw: st.DrawFn, shape: list[int]) -> Shape:
    """The shape without some of its leading ones."""
    ones = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return tuple(shape[draw(st.integers(0, ones)) :])


def _add_scale(a: float, b: float, _: int) -> float:
    return float(np.hypot(a, b))


def _mul_scale(a: float, b: float, steps: int) -> float:
    return a * b * steps


def _square_scale(a: float, b: float, steps: int) -> float:
    return max(a, b) ** 2 * 2 * steps


def _prelu_scale(a: float, b: float, steps: int) -> float:
    return max(a, a * b * steps) * 0.7


_OutputScale = Callable[[float, float, int], float]
"""Of both inputs' scales, and the steps of a typical input."""


@st.composite
def _binary(draw: st.DrawFn, name: str, output_scale: _OutputScale | None) -> Case:
    rng = np.random.default_rng(draw(seeds))
    shape_a, shape_b, shape = draw(_shapes())
    wide = draw(st.sampled_from([False, False, True]))
    random, zeros = (random_s16, st.just(0)) if wide else (random_s8, zero_points)
    kind = draw(st.sampled_from(["two inputs", "two inputs", "first constant", "second constant", "same"]))
    if kind == "same":
        shape_a = shape_b = shape
    quant_a = {"scale": draw(scales), "zero_point": draw(zeros)}
    quant_b = quant_out = quant_a
    if output_scale is not None:
        quant_b = quant_a if kind == "same" else {"scale": draw(scales), "zero_point": draw(zeros)}
        typical = output_scale(quant_a["scale"], quant_b["scale"], 74 * 256 if wide else 74)
        quant_out = {"scale": typical * draw(st.floats(0.25, 4)), "zero_point": draw(zeros)}
    values_a, values_b = random(rng, shape_a), random(rng, shape_b)
    m = TfliteWriter()
    a = m.constant(values_a, **quant_a) if kind == "first constant" else m.tensor(shape_a, values_a.dtype, **quant_a)
    b = a
    if kind != "same":
        b = (
            m.constant(values_b, **quant_b)
            if kind == "second constant"
            else m.tensor(shape_b, values_b.dtype, **quant_b)
        )
    y = m.tensor(shape, values_a.dtype, **quant_out)
    fused: dict[str, Any] = {}
    if name in ("ADD", "SUB", "MUL"):
        fused = {"fusedActivationFunction": draw(st.integers(0, 3))}
    m.operator(name, [a, b], [y], _OPTIONS.get(name), **fused)
    inputs = {a: values_a, b: values_a if kind == "same" else values_b}
    dynamic = [i for i in inputs if m.tensors[i].buffer == 0]
    in_tflm = len(shape) <= _TFLM_RANK and (not wide or name in _S16_IN_TFLM)
    return Case(m.build(dynamic, [y]), tuple(inputs[i] for i in dynamic), "tflm" if in_tflm else "")


CASES = {
    "ADD": _binary("ADD", _add_scale),
    "SUB": _binary("SUB", _add_scale),
    "MUL": _binary("MUL", _mul_scale),
    "MAXIMUM": _binary("MAXIMUM", None),
    "MINIMUM": _binary("MINIMUM", None),
    "PRELU": _binary("PRELU", _prelu_scale),
    "SQUARED_DIFFERENCE": _binary("SQUARED_DIFFERENCE", _square_scale),
}
