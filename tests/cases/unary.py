"""Functions of one byte, each on all 256 of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, seeds, zero_points

Quant = dict[str, Any]

_scales = st.floats(-12, 2).map(lambda exponent: float(np.float32(2.0**exponent)))
_below_one = st.floats(-12, -0.01).map(lambda exponent: float(np.float32(2.0**exponent)))
_shapes = st.sampled_from([(256,), (1, 256), (2, 128), (1, 8, 8, 4), (2, 4, 4, 8), (2, 2, 4, 4, 4)])


@st.composite
def _near(draw: st.DrawFn, x: Quant) -> Quant:
    """An output whose scale is not far from that of the input."""
    return {"scale": x["scale"] * 2.0 ** draw(st.floats(-2, 3)), "zero_point": draw(zero_points)}


def _fixed(scale: float, zero_point: int) -> Callable[[Quant], st.SearchStrategy[Quant]]:
    return lambda _: st.just({"scale": scale, "zero_point": zero_point})


@st.composite
def _exponential(draw: st.DrawFn, x: Quant) -> Quant:
    """An output that just holds the exponential of the largest input."""
    largest = (127 - x["zero_point"]) * x["scale"]
    return {"scale": float(np.exp(min(largest, 40)) / 255 * draw(st.floats(0.5, 2))), "zero_point": draw(zero_points)}


@st.composite
def _logarithmic(draw: st.DrawFn, _: Quant) -> Quant:
    return {"scale": draw(st.floats(0.01, 0.1)), "zero_point": draw(zero_points)}


@st.composite
def _reciprocal_root(draw: st.DrawFn, x: Quant) -> Quant:
    """An output that holds the result at one of the first steps above 0."""
    largest = (x["scale"] * draw(st.integers(1, 20))) ** -0.5
    return {"scale": largest / 255 * draw(st.floats(0.5, 2)), "zero_point": draw(st.just(-128) | zero_points)}


@st.composite
def _square(draw: st.DrawFn, x: Quant) -> Quant:
    """An output that just holds the square of the largest input."""
    return {"scale": x["scale"] ** 2 * 255 * draw(st.floats(0.25, 2)), "zero_point": draw(zero_points)}


@st.composite
def _root(draw: st.DrawFn, x: Quant) -> Quant:
    """An output that just holds the root of the largest input."""
    return {"scale": (x["scale"] / 255) ** 0.5 * draw(st.floats(0.25, 2)), "zero_point": draw(zero_points)}


@st.composite
def _unit(draw: st.DrawFn, _: Quant) -> Quant:
    """An output for -1 .. 1."""
    return {"scale": draw(st.floats(0.005, 0.01)), "zero_point": draw(zero_points)}


@st.composite
def _unary(
    draw: st.DrawFn,
    name: str,
    output: Callable[[Quant], st.SearchStrategy[Quant]] = _near,
    *,
    oracle: str = "tflm",
    scales: st.SearchStrategy[float] = _scales,
    zeros: st.SearchStrategy[int] = zero_points,
    options: tuple[str, dict[str, st.SearchStrategy[Any]]] | None = None,
) -> Case:
    rng = np.random.default_rng(draw(seeds))
    shape = draw(_shapes)
    quant_x = {"scale": draw(scales), "zero_point": draw(zeros)}
    quant_y = draw(output(quant_x))
    m = TfliteWriter()
    x, y = m.tensor(shape, **quant_x), m.tensor(shape, **quant_y)
    table, fields = options or (None, {})
    m.operator(name, [x], [y], table, **{field: draw(strategy) for field, strategy in fields.items()})
    return Case(m.build([x], [y]), (rng.permutation(256).reshape(shape).astype(np.uint8).view(np.int8),), oracle)


_slopes = st.sampled_from([0.0, 0.01, 0.1, 0.2, 0.3, 1.0, 1.7, -0.5]) | st.floats(-2, 2, width=32)

CASES = {
    "ABS": _unary("ABS"),
    # No other runtime has an int8 kernel for these; floats between DEQUANTIZE and QUANTIZE: tests/test_unary.py.
    "CEIL": _unary("CEIL", oracle=""),
    "COS": _unary("COS", _unit, oracle=""),
    "ELU": _unary("ELU"),
    "EXP": _unary("EXP", _exponential, oracle="litert"),
    "FLOOR": _unary("FLOOR", oracle=""),
    "GELU": _unary("GELU", oracle="litert", options=("GeluOptions", {"approximate": st.booleans()})),
    "HARD_SWISH": _unary("HARD_SWISH"),
    "LEAKY_RELU": _unary("LEAKY_RELU", options=("LeakyReluOptions", {"alpha": _slopes})),
    "LOG": _unary("LOG", _logarithmic, oracle="litert"),
    # Steps above 1 reach TFLM's saturation before the function does: test_unary.py has them.
    "LOGISTIC": _unary("LOGISTIC", _fixed(1 / 256, -128), scales=_below_one),
    # LiteRT negates the bytes, whatever their scales and zero points; TFLM has no kernel.
    "NEG": _unary("NEG", oracle=""),
    "RELU": _unary("RELU"),
    # TFLM ignores the output's scale and zero point.
    "RELU6": _unary("RELU6", st.just) | _unary("RELU6", oracle="litert"),
    "RELU_0_TO_1": _unary("RELU_0_TO_1", oracle="litert"),
    "RELU_N1_TO_1": _unary("RELU_N1_TO_1", oracle="litert"),
    "ROUND": _unary("ROUND", oracle=""),
    # TFLM fails on inputs below 0.
    "RSQRT": _unary("RSQRT", _reciprocal_root, zeros=st.just(-128)) | _unary("RSQRT", _reciprocal_root, oracle=""),
    "SIN": _unary("SIN", _unit, oracle=""),
    # LiteRT fails on inputs below 0.
    "SQRT": _unary("SQRT", _root, oracle="litert", zeros=st.just(-128)) | _unary("SQRT", _root, oracle=""),
    "SQUARE": _unary("SQUARE", _square, oracle=""),
    "TANH": _unary("TANH", _fixed(1 / 128, 0)),
}
