"""Indices of the largest and smallest elements: any axis of ranks 1 to 5, many ties."""

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, random_s8, scales, seeds, zero_points

_DTYPES = {np.int32: 2, np.int64: 4}  # NumPy's type, the schema's number


@st.composite
def arg(draw: st.DrawFn, name: str, options: str) -> Case:
    rank = draw(st.integers(1, 5))
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=rank, max_size=rank)))
    axis = draw(st.integers(-rank, rank - 1))
    out_type, axis_type = (draw(st.sampled_from(sorted(_DTYPES, key=str))) for _ in range(2))
    m = TfliteWriter()
    x = m.tensor(shape, scale=draw(scales), zero_point=draw(zero_points))
    y = m.tensor([size for i, size in enumerate(shape) if i != axis % rank], out_type)
    at = m.constant(np.array(axis if draw(st.booleans()) else [axis], axis_type))
    m.operator(name, [x, at], [y], options, outputType=_DTYPES[out_type])
    rng = np.random.default_rng(draw(seeds))
    few = rng.integers(-2, 3, shape).astype(np.int8)
    values = random_s8(rng, shape) if draw(st.booleans()) else few
    # TFLite Micro has int32 only.
    oracle = "tflm" if (out_type, axis_type) == (np.int32, np.int32) else "litert"
    return Case(m.build([x], [y]), (values,), oracle)


CASES = {"ARG_MAX": arg("ARG_MAX", "ArgMaxOptions"), "ARG_MIN": arg("ARG_MIN", "ArgMinOptions")}
