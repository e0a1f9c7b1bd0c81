"""QUANTIZE and DEQUANTIZE: every pair of element types, ratios of scales far from 1, reals at and around the halves."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, seeds

_shapes = st.lists(st.integers(1, 7), min_size=1, max_size=5).map(tuple)
# Powers of two among them, with which halves of a step are exact.
_scales = st.sampled_from([2.0**-7, 0.25, 1.0]) | st.floats(2.0**-20, 2.0**12, width=32).map(float)

# Element types before and after, by whose kernel knows them: TFLM has none for uint8 to uint8.
_QUANTIZE = {
    "tflm": (
        (np.int8, np.int8),
        (np.int8, np.uint8),
        (np.uint8, np.int8),
        (np.int8, np.int16),
        (np.int16, np.int8),
        (np.int16, np.int16),
        (np.float32, np.int8),
    ),
    "litert": ((np.uint8, np.uint8), (np.float32, np.uint8)),
}
_DEQUANTIZE = {"tflm": (np.int8,), "litert": (np.uint8,)}


def _zero_point(draw: st.DrawFn, dtype: Any) -> int:
    """Any of an 8-bit type; 0 for int16, which is symmetric."""
    if dtype is np.int16:
        return 0
    return draw(st.integers(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)))


def _integers(rng: np.random.Generator, dtype: Any, shape: tuple[int, ...]) -> Any:
    """The whole range, its ends more often than chance has them."""
    info = np.iinfo(dtype)
    values = rng.integers(info.min, info.max + 1, shape)
    return np.where(rng.random(shape) < 0.1, rng.choice([info.min, info.max], shape), values).astype(dtype)


def _reals(rng: np.random.Generator, scale: float, shape: tuple[int, ...]) -> Any:
    """Anything in and around the range, exact halves of a step and their neighbours, far out, and both zeros."""
    steps = rng.uniform(-300, 300, shape)
    halves = np.round(steps) + 0.5
    near = halves * (1 + rng.choice([-1e-7, 1e-7], shape))
    far = rng.choice([-1e6, 1e6, -0.0, 0.0], shape)
    return (np.choose(rng.integers(0, 4, shape), [steps, halves, near, far]) * scale).astype(np.float32)


@st.composite
def quantize(draw: st.DrawFn) -> Case:
    """A model with one operator for every pair of types."""
    rng = np.random.default_rng(draw(seeds))
    oracle = draw(st.sampled_from(sorted(_QUANTIZE)))
    m = TfliteWriter()
    inputs, outputs, arrays = [], [], []
    for before, after in _QUANTIZE[oracle]:
        shape, out_scale = draw(_shapes), draw(_scales)
        if before is np.float32:
            inputs.append(m.tensor(shape, before))
            arrays.append(_reals(rng, out_scale, shape))
        else:
            # Ratios of scales within 2**+-12, so that outputs vary.
            ratio = draw(st.sampled_from([1.0, 0.5, 2.0]) | st.floats(2.0**-12, 2.0**12))
            inputs.append(m.tensor(shape, before, scale=out_scale * ratio, zero_point=_zero_point(draw, before)))
            arrays.append(_integers(rng, before, shape))
        outputs.append(m.tensor(shape, after, scale=out_scale, zero_point=_zero_point(draw, after)))
        m.operator("QUANTIZE", inputs[-1:], outputs[-1:], "QuantizeOptions")
    return Case(m.build(inputs, outputs), tuple(arrays), oracle)


@st.composite
def dequantize(draw: st.DrawFn) -> Case:
    rng = np.random.default_rng(draw(seeds))
    oracle = draw(st.sampled_from(sorted(_DEQUANTIZE)))
    m = TfliteWriter()
    inputs, outputs, arrays = [], [], []
    for before in _DEQUANTIZE[oracle]:
        shape = draw(_shapes)
        inputs.append(m.tensor(shape, before, scale=draw(_scales), zero_point=_zero_point(draw, before)))
        outputs.append(m.tensor(shape, np.float32))
        arrays.append(_integers(rng, before, shape))
        m.operator("DEQUANTIZE", inputs[-1:], outputs[-1:], "DequantizeOptions")
    return Case(m.build(inputs, outputs), tuple(arrays), oracle)


CASES = {"DEQUANTIZE": dequantize(), "QUANTIZE": quantize()}
