"""Transposed convolutions over the spec's domain: strides beyond the kernel, both paddings, every output size."""

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, random_weights, scales, seeds
from cases.filters import activations, output_scale, weight_scales


@st.composite
def transpose_conv(draw: st.DrawFn) -> Case:
    rng = np.random.default_rng(draw(seeds))
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    out = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    if same := draw(st.booleans()):
        image = [-(-n // s) for n, s in zip(out, stride, strict=True)]
    else:
        out = (max(out[0], kernel[0]), max(out[1], kernel[1]))
        image = [(n - k) // s + 1 for n, k, s in zip(out, kernel, stride, strict=True)]
    batch, in_c, out_c = draw(st.integers(1, 2)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    kind = draw(activations)
    x_scale, w_scales = draw(scales), weight_scales(rng, out_c, per_channel=draw(st.booleans()))
    m = TfliteWriter()
    shape = (batch, *image, in_c)
    x = m.tensor(shape, kind.dtype, scale=x_scale, zero_point=draw(kind.zero_points))
    w = m.constant(random_weights(rng, (out_c, *kernel, in_c)), scale=w_scales)
    y_scale = output_scale(x_scale, w_scales, in_c * max(1, kernel[0] * kernel[1] // (stride[0] * stride[1])))
    y = m.tensor((batch, *out, out_c), kind.dtype, scale=y_scale, zero_point=draw(kind.zero_points))
    inputs = [m.constant(np.array([batch, *out, out_c], np.int32)), w, x]
    if draw(st.booleans()):
        inputs.append(kind.add_bias(m, rng, out_c, x_scale, w_scales))
    m.operator(
        "TRANSPOSE_CONV",
        inputs,
        [y],
        "TransposeConvOptions",
        padding=0 if same else 1,
        strideH=stride[0],
        strideW=stride[1],
        fusedActivationFunction=draw(st.integers(0, 3)),
    )
    return Case(m.build([x], [y]), (kind.random(rng, shape),))


CASES = {"TRANSPOSE_CONV": transpose_conv()}
