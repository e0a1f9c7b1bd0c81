"""Channels that are scaled by 1/2 or more, and constant ones: stages against the rounding, kernels against both."""

from dataclasses import replace
from typing import Any

import kernel_library
import numpy as np
import pytest
from kernel_cases import machine_for
from narrow_weights import narrowed
from single_layers import layer, random_convolution

from edgeq.errors import Refusal
from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding, requantize
from edgeq.fixedpoint import rounding as rounding_of
from edgeq.ir import Graph, Quant
from edgeq.kernels import KERNELS, Kernel
from edgeq.kernels.dsp_weights import Filters
from edgeq.ops.conv2d import DepthwiseConv2dAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.program import build_program

_KERNELS = {kernel.name: kernel for kernel in KERNELS}
_DENSE = ["edgeq_dense_s8__dsp", "edgeq_dense_s8_long__dsp", *(f"edgeq_dense_w{bits}_s8__dsp" for bits in (4, 2, 1))]
_CONVS = ["edgeq_conv2d_s8__dsp", "edgeq_conv2d_s8_long__dsp", *(f"edgeq_conv2d_w{bits}_s8__dsp" for bits in (4, 2, 1))]
_DEPTHWISE = [f"edgeq_depthwise_conv2d_{kind}s8__dsp" for kind in ("", "narrow_", "3x3_lean_", "3x3_lean_narrow_")]
_integers = pytest.mark.parametrize("rounding", [Rounding.DOUBLE, Rounding.SINGLE], ids=lambda r: r.value)
_rounded = pytest.mark.parametrize("rounding", Rounding, ids=lambda r: r.value)

_MULTIPLIERS = (2**30, 2**31 - 1, 2**30 + 2, 3 << 29, 2**31 - 2**7, 2**30 + 2**22, 5 << 28, 2**30 + 2**8)
_SHIFTS = (0, 1, 2, 3)


def _stage(filters: Filters, channel: int, sums: Any, rounding: Rounding) -> Any:
    """What `stage.h` computes, of sums without what is added to them."""
    scaled = filters.scaled(max(_SHIFTS))
    multiplier, addend, shift = (int(word) for word in scaled.stages().words[channel])
    left = np.broadcast_to(scaled.left, scaled.shift.shape)[channel]
    twice = 2 * ((sums + scaled.bias[0, channel] - filters.bias[0, channel]) << left)
    assert np.abs(twice).max() < 2**31
    half, sign = (2**31, twice >> 63) if rounding is Rounding.DOUBLE else (0, 0)
    return np.clip((((twice * multiplier + half) >> 32) + sign + addend) >> shift, -128, 127)


@_integers
@pytest.mark.parametrize("offset", [-128, 0, 127, 31])
def test_stages_of_large_scales_are_exact(rounding: Rounding, offset: int) -> None:
    """For every sum that there can be; multipliers are random ones, and those next to what is exact."""
    rng = np.random.default_rng(offset + 128)
    drawn = rng.integers(2**30, 2**31, 24) & ~np.repeat([0, 127, 2**26 - 1], 8)
    multipliers = np.array([*_MULTIPLIERS, *drawn])
    channels = len(multipliers)
    with rounding_of(rounding):
        for shift in _SHIFTS:
            weights, bias = rng.integers(-8, 8, (channels, 20)), rng.integers(-3000, 3000, (1, channels))
            filters = Filters(weights, 0, bias, multipliers, np.full(channels, shift), offset)
            least, greatest = filters.ends()
            for channel in range(channels):
                sums = np.arange(least[0, channel], greatest[0, channel] + 1)
                wanted = requantize(sums, multipliers[channel], shift, offset, -128, 127)
                found = _stage(filters, channel, sums, rounding)
                np.testing.assert_array_equal(found, wanted, str((multipliers[channel], shift)))


def test_what_cannot_be_rounded_is_refused() -> None:
    """Scaled by a little more than 1/2, halves of negative sums would have to be rounded down, those of others up."""
    filters = Filters(np.ones((1, 9), int), 0, np.zeros((1, 1), int), np.array([2**30 + 1]), np.zeros(1, int), 0)
    with rounding_of(Rounding.DOUBLE), pytest.raises(Refusal, match="sums can grow to"):
        filters.scaled().stages()
    filters = replace(filters, shift=np.ones(1, int))
    with rounding_of(Rounding.DOUBLE), pytest.raises(Refusal, match=r"scaled by 2\^0 or more; accepted: by less"):
        filters.scaled().stages()


def _layer(rng: np.random.Generator, name: str) -> Graph:
    if "dense" in name:
        features, out, rows = (int(n) for n in rng.integers(1, (100, 30, 4)))
        weights = rng.integers(-120, 121, (out, features))
        bias = rng.integers(-300, 300, out)
        return layer("dense", DenseAttrs(), (rows, features), weights, (rows, out), bias)
    if "depthwise" not in name:
        return random_convolution(rng)
    side, channels = int(rng.integers(3, 9)), int(rng.integers(4, 19))
    attrs = DepthwiseConv2dAttrs(padding=(1, 1, 1, 1))
    weights, shape = rng.integers(-120, 121, (1, 3, 3, channels)), (2, side, side, channels)
    return layer("depthwise_conv2d", attrs, shape, weights, shape, rng.integers(-300, 300, channels))


def _scaled(rng: np.random.Generator, graph: Graph, least: float, most: float) -> Graph:
    """With an output's scale by which sums are scaled by so much, and any zero point."""
    x, w = graph.types["x"].quant, graph.types["w"].quant
    assert x is not None
    assert w is not None
    scale = np.exp(rng.uniform(np.log(least), np.log(most)))
    quant = Quant.per_tensor(float(max(x.scale) * max(w.scale) / scale), int(rng.choice([-128, 127, 5])))
    return graph.with_(types={**graph.types, "y": replace(graph.types["y"], quant=quant)})


def _check(rng: np.random.Generator, graph: Graph, kernel: Kernel) -> None:
    inputs = [rng.integers(-128, 128, graph.types[v].shape).astype(np.int8) for v in graph.inputs]
    program = build_program(graph, "net", machine=machine_for(kernel))
    assert program.kernels == (kernel,), program.layers[0].choice.refused
    (found,) = kernel_library.run(program, inputs)
    np.testing.assert_array_equal(found, evaluate(graph, inputs)["y"])


@_rounded
@pytest.mark.parametrize("name", [*_DENSE, *_CONVS, *_DEPTHWISE])
def test_kernels_take_large_scales(name: str, rounding: Rounding) -> None:
    """Of int8 weights, those of convolutions and dense layers up to 1: the sums are not shifted."""
    kernel, rng = _KERNELS[name], np.random.default_rng(3)
    most = 0.99 if kernel.weight_bits == (8,) and "depthwise" not in name else 7
    for i in range(12):
        bits = kernel.weight_bits[i % len(kernel.weight_bits)]
        graph = narrowed(_layer(rng, name), bits).with_(rounding=rounding)
        _check(rng, _scaled(rng, graph, 0.3, most), kernel)


@_rounded
@pytest.mark.parametrize("name", [n for n in (*_DENSE, *_CONVS) if "_w" in n])
def test_channels_that_are_constant(name: str, rounding: Rounding) -> None:
    """Next to nothing scales the products; the bias alone would take all bits that there are."""
    kernel, rng = _KERNELS[name], np.random.default_rng(4)
    for _ in range(4):
        graph = narrowed(_layer(rng, name), kernel.weight_bits[0]).with_(rounding=rounding)
        x, w, y = (graph.types[v] for v in "xwy")
        assert x.quant is not None
        constant = np.arange(y.shape[-1]) % 3 == 0
        scales = np.where(constant, 2.0**-26, 0.01)  # of sums
        steps = Quant(tuple(np.asarray(scales * 0.1 / x.quant.scale[0], np.float32).tolist()), (0,) * scales.size, 0)
        bias = np.where(constant, 100 << 20, rng.integers(-300, 300, constant.shape))
        types = {**graph.types, "w": replace(w, quant=steps), "y": replace(y, quant=Quant.per_tensor(0.1, 3))}
        constants = {**graph.constants, "b": np.broadcast_to(bias, graph.constants["b"].shape).astype(np.int32)}
        _check(rng, graph.with_(types=types, constants=constants), kernel)
