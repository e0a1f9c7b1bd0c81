"""L2 normalisation: rows of all lengths, far from zero and near it."""

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, random_s8, scales, seeds, zero_points

_TFLM_RANK = 4
"""The highest that TFLM takes."""


@st.composite
def l2_normalization(draw: st.DrawFn) -> Case:
    outer = draw(st.lists(st.integers(1, 4), max_size=4))
    shape = (*outer, draw(st.integers(1, 20) | st.integers(1, 2000)))
    zero = draw(zero_points)
    m = TfliteWriter()
    x = m.tensor(shape, scale=draw(scales), zero_point=zero)
    y = m.tensor(shape, scale=2.0**-7, zero_point=0)
    m.operator("L2_NORMALIZATION", [x], [y], "L2NormOptions")
    rng = np.random.default_rng(draw(seeds))
    near = draw(st.sampled_from([0, 1, 2, 8]))
    values = np.clip(zero + rng.integers(-near, near + 1, shape), -128, 127) if near < 8 else random_s8(rng, shape)
    oracle = "tflm" if len(shape) <= _TFLM_RANK else ""
    return Case(m.build([x], [y]), (values.astype(np.int8),), oracle)


CASES = {"L2_NORMALIZATION": l2_normalization()}
