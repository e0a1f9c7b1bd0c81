"""Convolutions over the spec's domain: strides, dilations, paddings, groups, multipliers, activations, scales."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, random_weights, scales, seeds
from cases.filters import activations, output_scale, weight_scales

Pair = tuple[int, int]
_pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@dataclass(frozen=True)
class _Geometry:
    """Sizes of one convolution; `out` is what TFLite's padding scheme makes of the others."""

    batch: int
    image: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: int
    out: tuple[int, int]

    @property
    def options(self) -> dict[str, int]:
        return {
            "padding": self.padding,
            "strideH": self.stride[0],
            "strideW": self.stride[1],
            "dilationHFactor": self.dilation[0],
            "dilationWFactor": self.dilation[1],
        }


@dataclass(frozen=True)
class _Layer:
    """An operator and its weights; `axis` is the dimension of the weights that counts output channels."""

    name: str
    table: str
    options: dict[str, int]
    weights: Any
    axis: int


@st.composite
def _geometries(draw: st.DrawFn) -> _Geometry:
    batch, image = draw(st.integers(1, 2)), (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    kernel, stride, dilation = draw(_pairs), draw(_pairs), draw(_pairs)
    return _geometry(draw, batch, image, kernel, stride, dilation)


@st.composite
def _three_by_three(draw: st.DrawFn, strides: st.SearchStrategy[Pair] = _pairs) -> _Geometry:
    """What most depthwise convolutions are, and with a stride of 1 what Winograd's are for."""
    image = draw(st.integers(1, 19)), draw(st.integers(1, 19))
    return _geometry(draw, draw(st.integers(1, 2)), image, (3, 3), draw(strides), (1, 1))


def _geometry(draw: st.DrawFn, batch: int, image: Pair, kernel: Pair, stride: Pair, dilation: Pair) -> _Geometry:
    padding = draw(st.integers(0, 1))
    if padding == 1:
        covered = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        image = (max(image[0], covered[0]), max(image[1], covered[1]))
        out = [(n - k) // s + 1 for n, k, s in zip(image, covered, stride, strict=True)]
    else:
        out = [-(-n // s) for n, s in zip(image, stride, strict=True)]
    return _Geometry(batch, image, kernel, stride, dilation, padding, (out[0], out[1]))


@st.composite
def conv_2d(draw: st.DrawFn) -> Case:
    rng = np.random.default_rng(draw(seeds))
    if draw(st.booleans()):
        g = draw(_three_by_three(st.just((1, 1))))
        groups, per_group, filters = 1, draw(st.integers(1, 20)), draw(st.integers(1, 9))
    else:
        g = draw(_geometries())
        groups, per_group, filters = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    weights = random_weights(rng, (groups * filters, *g.kernel, per_group))
    layer = _Layer("CONV_2D", "Conv2DOptions", g.options, weights, 0)
    return _case(draw, rng, g, groups * per_group, layer)


@st.composite
def depthwise_conv_2d(draw: st.DrawFn) -> Case:
    rng = np.random.default_rng(draw(seeds))
    if draw(st.booleans()):
        g, channels, multiplier = draw(_three_by_three()), draw(st.integers(4, 9)), 1
    else:
        g, channels, multiplier = draw(_geometries()), draw(st.integers(1, 6)), draw(st.integers(1, 4))
    weights = random_weights(rng, (1, *g.kernel, channels * multiplier))
    options = g.options | {"depthMultiplier": multiplier}
    layer = _Layer("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", options, weights, 3)
    return _case(draw, rng, g, channels, layer)


def _case(draw: st.DrawFn, rng: np.random.Generator, g: _Geometry, channels: int, layer: _Layer) -> Case:
    """A model of one convolution."""
    out_c = layer.weights.shape[layer.axis]
    kind = draw(activations)
    x_scale, w_scales = draw(scales), weight_scales(rng, out_c, per_channel=draw(st.booleans()))
    m = TfliteWriter()
    shape = (g.batch, *g.image, channels)
    x = m.tensor(shape, kind.dtype, scale=x_scale, zero_point=draw(kind.zero_points))
    w = m.constant(layer.weights, scale=w_scales, axis=layer.axis)
    y_scale = output_scale(x_scale, w_scales, layer.weights.size // out_c)
    y = m.tensor((g.batch, *g.out, out_c), kind.dtype, scale=y_scale, zero_point=draw(kind.zero_points))
    inputs = [x, w, kind.add_bias(m, rng, out_c, x_scale, w_scales)] if draw(st.booleans()) else [x, w]
    activation = draw(st.integers(0, 3))
    m.operator(layer.name, inputs, [y], layer.table, fusedActivationFunction=activation, **layer.options)
    return Case(m.build([x], [y]), (kind.random(rng, shape),))


CASES = {"CONV_2D": conv_2d(), "DEPTHWISE_CONV_2D": depthwise_conv_2d()}
