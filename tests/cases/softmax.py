"""Softmax and its logarithm: ranks 1 to 5, flat and steep rows, all that TFLite accepts of scale and beta."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, random_s8, seeds, zero_points

# Powers of 2 are where TFLite skips differences soonest: beyond -15.5.
_steepness = st.sampled_from([2.0**-4, 2.0**-3]) | st.integers(-20, 5).map(lambda n: 2.0**n) | st.floats(2.0**-8, 2.0)
_OUTPUTS = {np.int8: (2.0**-8, -128), np.int16: (2.0**-16, -32768)}


@st.composite
def _shapes(draw: st.DrawFn) -> tuple[int, ...]:
    outer = draw(st.lists(st.integers(1, 3), max_size=4))
    return (*outer, draw(st.integers(1, 12) | st.integers(1, 500) | st.integers(512, 4095)))


def _rows(rng: np.random.Generator, shape: tuple[int, ...], spread: int) -> Any:
    """Elements over the whole range, or within a few steps of each other."""
    if spread == 255:
        return random_s8(rng, shape)
    return (rng.integers(0, spread + 1, shape) + rng.integers(-128, 128 - spread)).astype(np.int8)


@st.composite
def softmax(draw: st.DrawFn) -> Case:
    shape, dtype = draw(_shapes()), draw(st.sampled_from(sorted(_OUTPUTS, key=str)))
    scale, zero = _OUTPUTS[dtype]
    beta = draw(st.just(1.0) | st.floats(0.0625, 16.0, width=32))
    m = TfliteWriter()
    x = m.tensor(shape, scale=draw(_steepness) / beta, zero_point=draw(zero_points))
    y = m.tensor(shape, dtype, scale=scale, zero_point=zero)
    m.operator("SOFTMAX", [x], [y], "SoftmaxOptions", beta=beta)
    rng = np.random.default_rng(draw(seeds))
    # Where a sum may reach 512, no element would get half a step; TFLite Micro aborts.
    oracle = "" if shape[-1] >= 512 and dtype == np.int8 else "tflm"
    return Case(m.build([x], [y]), (_rows(rng, shape, draw(st.sampled_from([0, 3, 20, 255]))),), oracle)


@st.composite
def log_softmax(draw: st.DrawFn) -> Case:
    shape = draw(_shapes())
    m = TfliteWriter()
    x = m.tensor(shape, scale=draw(_steepness), zero_point=draw(zero_points))
    y = m.tensor(shape, scale=2.0**-4, zero_point=127)
    m.operator("LOG_SOFTMAX", [x], [y], "LogSoftmaxOptions")
    rng = np.random.default_rng(draw(seeds))
    return Case(m.build([x], [y]), (_rows(rng, shape, draw(st.sampled_from([0, 3, 20, 255]))),))


CASES = {"LOG_SOFTMAX": log_softmax(), "SOFTMAX": softmax()}
