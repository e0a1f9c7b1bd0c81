"""Convolutions over the spec's domain: strides, dilations, paddings, groups, multipliers, activations, scales."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, random_s8, random_weights, scales, seeds, zero_points

_pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


def _bias(m: TfliteWriter, rng: np.random.Generator, channels: int, x_scale: float, w_scales: Any) -> int:
    values = rng.integers(-(2**14), 2**14, channels).astype(np.int32)
    return m.constant(values, scale=np.float32(x_scale) * np.asarray(w_scales, np.float32))


def _output_scale(x_scale: float, w_scales: Any, taps: int) -> float:
    """Such that outputs use much of the range: sums are about sqrt(taps) * 74 * 74 steps."""
    return float(np.float32(x_scale * np.mean(w_scales) * 74 * 74 * np.sqrt(taps) / 50))


@st.composite
def conv_2d(draw: st.DrawFn) -> Case:
    rng = np.random.default_rng(draw(seeds))
    batch, height, width = draw(st.integers(1, 2)), draw(st.integers(1, 9)), draw(st.integers(1, 9))
    groups, per_group, filters = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    kernel, stride, dilation = draw(_pairs), draw(_pairs), draw(_pairs)
    padding = draw(st.integers(0, 1))
    effective = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    if padding == 1:
        height, width = max(height, effective[0]), max(width, effective[1])
        out = [(n - k) // s + 1 for n, k, s in zip((height, width), effective, stride, strict=True)]
    else:
        out = [-(-n // s) for n, s in zip((height, width), stride, strict=True)]
    out_c = groups * filters
    per_channel = draw(st.booleans())
    x_scale = draw(scales)
    w_scales = rng.uniform(0.001, 0.02, out_c if per_channel else 1).astype(np.float32)
    m = TfliteWriter()
    x = m.tensor((batch, height, width, groups * per_group), scale=x_scale, zero_point=draw(zero_points))
    w = m.constant(random_weights(rng, (out_c, *kernel, per_group)), scale=w_scales)
    y_scale = _output_scale(x_scale, w_scales, kernel[0] * kernel[1] * per_group)
    y = m.tensor((batch, *out, out_c), scale=y_scale, zero_point=draw(zero_points))
    inputs = [x, w, _bias(m, rng, out_c, x_scale, w_scales)] if draw(st.booleans()) else [x, w]
    m.operator(
        "CONV_2D",
        inputs,
        [y],
        "Conv2DOptions",
        padding=padding,
        strideH=stride[0],
        strideW=stride[1],
        dilationHFactor=dilation[0],
        dilationWFactor=dilation[1],
        fusedActivationFunction=draw(st.integers(0, 3)),
    )
    return Case(m.build([x], [y]), (random_s8(rng, (batch, height, width, groups * per_group)),))


CASES = {"CONV_2D": conv_2d()}
