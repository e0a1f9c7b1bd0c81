"""Pools over the spec's domain: windows up to and beyond the padded image, strides, activations, scales."""

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, random_s8, scales, seeds, zero_points


@st.composite
def pool(draw: st.DrawFn, name: str) -> Case:
    rng = np.random.default_rng(draw(seeds))
    image = draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    if same := draw(st.booleans()):
        kernel = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
        out = [-(-n // s) for n, s in zip(image, stride, strict=True)]
    else:
        kernel = draw(st.tuples(st.integers(1, image[0]), st.integers(1, image[1])))
        out = [(n - k) // s + 1 for n, k, s in zip(image, kernel, stride, strict=True)]
    batch, channels = draw(st.integers(1, 2)), draw(st.integers(1, 5))
    scale, zero = draw(scales), draw(zero_points)
    m = TfliteWriter()
    shape = (batch, *image, channels)
    x = m.tensor(shape, scale=scale, zero_point=zero)
    y = m.tensor((batch, *out, channels), scale=scale, zero_point=zero)
    m.operator(
        name,
        [x],
        [y],
        "Pool2DOptions",
        padding=0 if same else 1,
        filterHeight=kernel[0],
        filterWidth=kernel[1],
        strideH=stride[0],
        strideW=stride[1],
        fusedActivationFunction=draw(st.integers(0, 3)),
    )
    values = random_s8(rng, shape)
    # Few distinct values: means of exactly a half, of either sign, are frequent.
    values = values % 4 - 2 if draw(st.booleans()) else values
    return Case(m.build([x], [y]), (values.astype(np.int8),))


CASES = {name: pool(name) for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D")}
