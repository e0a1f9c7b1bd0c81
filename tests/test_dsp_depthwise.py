"""Depthwise convolutions for Arm's DSP extension: shapes and sums at their limits, ranges of lines, linear stages."""

from dataclasses import replace
from typing import Any

import kernel_library
import numpy as np
import pytest
from kernel_cases import machine_for
from single_layers import Scales, layer

from edgeq.errors import Refusal
from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding, rounding
from edgeq.ir import Graph
from edgeq.kernels import KERNELS, Kernel
from edgeq.kernels.dsp_depthwise_3x3 import Depthwise3x3Params
from edgeq.kernels.linear_stages import SHIFT, make_linear_stages
from edgeq.kernels.steps import Scaling
from edgeq.ops import OPS
from edgeq.ops.activation import Activation
from edgeq.ops.conv2d import DepthwiseConv2dAttrs
from edgeq.program import Program, build_program

_BY_NAME = {kernel.name: kernel for kernel in KERNELS}
_FAST = _BY_NAME["edgeq_depthwise_conv2d_3x3_s8__dsp"]
_LEAN = _BY_NAME["edgeq_depthwise_conv2d_3x3_lean_s8__dsp"]
_GENERAL = _BY_NAME["edgeq_depthwise_conv2d_s8__dsp"]
_three_by_three = pytest.mark.parametrize("kernel", [_FAST, _LEAN], ids=lambda k: k.name)
_all = pytest.mark.parametrize("kernel", [_FAST, _LEAN, _GENERAL], ids=lambda k: k.name)
_rounded = pytest.mark.parametrize("mode", Rounding, ids=lambda r: r.value)


def _graph(x: tuple[int, ...], weights: Any, scales: Scales | None = None, **attributes: Any) -> Graph:
    """One layer; padded as TensorFlow does it if nothing else is said."""
    stride = attributes.setdefault("stride", (1, 1))
    attributes.setdefault("padding", (*_same(x[1], stride[0]), *_same(x[2], stride[1])))
    attributes.setdefault("activation", Activation.RELU)
    bias = attributes.pop("bias", None)
    attrs = DepthwiseConv2dAttrs(**attributes)
    graph = layer("depthwise_conv2d", attrs, x, weights, (1, 1, 1, weights.shape[3]), bias, scales)
    (shape,) = OPS["depthwise_conv2d"].infer(attrs, [graph.types["x"], graph.types["w"]])
    return graph.with_(types={**graph.types, "y": replace(graph.types["y"], shape=shape)})


def _same(size: int, stride: int) -> tuple[int, int]:
    missing = max(0, (-(-size // stride) - 1) * stride + 3 - size)
    return missing // 2, missing - missing // 2


def _program(graph: Graph, kernel: Kernel) -> Program:
    program = build_program(graph, "net", machine=machine_for(kernel))
    assert program.kernels == (kernel,), program.layers[0].choice.refused
    return program


def _check(program: Program, x: Any) -> None:
    np.testing.assert_array_equal(kernel_library.run(program, [x])[0], evaluate(program.graph, [x])["y"])


def _refusal(graph: Graph, kernel: Kernel) -> str:
    return dict(build_program(graph, "net", machine=machine_for(kernel)).layers[0].choice.refused)[kernel.name]


@_all
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [4, 9])
def test_sizes(kernel: Kernel, stride: int, channels: int) -> None:
    """Lines of every length modulo 4 and more of them than planes have, rows and columns, in the input's place."""
    rng = np.random.default_rng(1)
    for height, width in [(1, 1), (1, 9), (9, 1), (2, 3), (3, 2), (7, 4), (4, 7), (13, 5), (5, 14), (12, 12), (25, 5)]:
        weights = rng.integers(-127, 128, (1, 3, 3, channels))
        graph = _graph((2, height, width, channels), weights, Scales(x_zero=-7, y_zero=-128), stride=(stride, stride))
        program = _program(graph, kernel)
        assert kernel is _GENERAL or program.inputs[0].offset == program.outputs[0].offset
        _check(program, rng.integers(-128, 128, graph.types["x"].shape).astype(np.int8))


@_three_by_three
def test_columns_are_lines_where_that_is_shorter(kernel: Kernel) -> None:
    params = _program(_graph((1, 25, 5, 4), np.ones((1, 3, 3, 4))), kernel).layers[0].params
    assert isinstance(params, Depthwise3x3Params)
    assert (params.out_length, params.in_step) == (25, 20)


@_all
@_rounded
@pytest.mark.parametrize("weight", [-128, 127])
def test_largest_sums(kernel: Kernel, mode: Rounding, weight: int) -> None:
    scales = Scales(x=0.04, weights=0.001, y=0.0123, x_zero=127 if weight < 0 else -128, y_zero=-128)
    graph = _graph((1, 5, 5, 4), np.full((1, 3, 3, 4), weight), scales).with_(rounding=mode)
    program = _program(graph, kernel)
    for value in (-128, 127):
        _check(program, np.full(graph.types["x"].shape, value, np.int8))


@_all
def test_sums_beyond_the_bound_are_refused(kernel: Kernel) -> None:
    weights = np.ones((1, 3, 3, 4))
    largest = {_FAST: 2**29, _LEAN: 2**30, _GENERAL: 2**30}[kernel]
    taken = _graph((1, 4, 4, 4), weights, Scales(y=5000.0), bias=np.full(4, largest - 1300 - 8 * 128))
    assert build_program(taken, "net", machine=machine_for(kernel)).kernels != ()
    refused = _graph((1, 4, 4, 4), weights, Scales(y=5000.0), bias=np.full(4, 2**30))
    assert "can grow to" in _refusal(refused, kernel) or "too large" in _refusal(refused, kernel)


def test_refusals() -> None:
    ones = np.ones((1, 3, 3, 4))
    assert "as many, and at least 4" in _refusal(_graph((1, 4, 4, 3), ones[..., :3]), _FAST)
    assert "along rows; accepted: 1 or 2" in _refusal(_graph((1, 9, 9, 4), ones, stride=(1, 3)), _FAST)
    assert "accepted: (3, 3) and (1, 1)" in _refusal(_graph((1, 9, 9, 4), ones, dilation=(2, 1)), _FAST)
    assert "larger than the input" in _refusal(_graph((1, 4, 4, 4), ones, padding=(2, 2, 2, 2)), _FAST)
    assert "differs by position" in _refusal(_graph((1, 4, 4, 4), ones, bias=np.arange(64).reshape(4, 4, 4)), _FAST)
    ties = Scales(x=0.5, weights=0.5, y=64.0)
    assert "0 below 0" in _refusal(_graph((1, 4, 4, 4), ones * 99, ties, activation=Activation.NONE), _FAST)
    assert "by less than 2^-5" in _refusal(_graph((1, 4, 4, 4), ones * 99, Scales(y=0.005)), _FAST)


@_three_by_three
@pytest.mark.parametrize("stride", [1, 2])
def test_a_range_of_lines(kernel: Kernel, stride: int) -> None:
    """Two halves make the whole; memory of their own, as the second one reads what the first one writes."""
    rng = np.random.default_rng(2)
    graph = _graph((1, 14, 13, 5), rng.integers(-127, 128, (1, 3, 3, 5)), stride=(stride, stride))
    program = build_program(graph, "net", machine=machine_for(kernel), keep_inputs=True)
    (whole,) = program.layers
    assert isinstance(whole.params, Depthwise3x3Params)
    middle = whole.params.out_lines // 2 + 1
    parts = [(0, middle), (middle, whole.params.out_lines)]
    halves = [replace(whole, params=replace(whole.params, line_begin=a, line_end=b)) for a, b in parts]
    x = rng.integers(-128, 128, graph.types["x"].shape).astype(np.int8)
    (found,) = kernel_library.run(replace(program, layers=tuple(halves)), [x])
    np.testing.assert_array_equal(found, evaluate(graph, [x])["y"])


@_rounded
def test_linear_stages_equal_requantization(mode: Rounding) -> None:
    """For every sum that a channel can have; and hardly any channel is refused where there is one rounding."""
    rng = np.random.default_rng(3)
    taken = 0
    for _ in range(60):
        multiplier = int(rng.integers(2**30, 2**31)) & (~0x7F if mode is Rounding.FLOAT32 else -1)
        offset = int(rng.integers(-128, 128))
        relu = mode is Rounding.DOUBLE or rng.random() < 0.5
        greatest = int(rng.integers(1, 60_000))
        scaling = Scaling(
            bias=rng.integers(-30_000, 30_000, (1, 1)),
            least=np.array([-greatest]),
            greatest=np.array([greatest]),
            multiplier=np.array([multiplier]),
            shift=np.array([rng.integers(-18, -4)]),
            offset=offset,
            low=offset if relu else -128,
            high=127,
        )
        with rounding(mode):
            try:
                stages = make_linear_stages(scaling, np.array([8]))
            except Refusal:
                continue
            taken += 1
            sums = scaling.bias[0, 0] + np.arange(-greatest, greatest + 1)
            wanted = scaling.outputs(sums[None])[0]
        scaled = (sums << stages.exponents[0]) + stages.start[0]
        linear = (stages.addend[0] + (scaled * stages.multiplier[0] >> 32)) >> SHIFT
        assert np.abs(scaled).max() < 2**31
        np.testing.assert_array_equal(np.clip(linear, scaling.low, scaling.high), wanted)
    assert taken >= (30 if mode is Rounding.FLOAT32 else 55)


@_rounded
@_all
def test_zero_points_of_weights(kernel: Kernel, mode: Rounding) -> None:
    rng = np.random.default_rng(6)
    for zero in (-128, -7, 127):
        weights = np.clip(rng.integers(-90, 90, (1, 3, 3, 9)), -128 + max(0, zero), 127 + min(0, zero))
        scales = Scales(y=0.2, x_zero=-3, y_zero=5, weights_zero=zero)
        graph = _graph((2, 7, 6, 9), weights, scales, bias=rng.integers(-300, 300, 9)).with_(rounding=mode)
        x = rng.integers(-128, 128, (2, 7, 6, 9)).astype(np.int8)
        choice = build_program(graph, "net", machine=machine_for(kernel)).layers[0].choice
        if kernel is not _FAST or choice.taken.kernel is _FAST:  # it also needs stages of one rounding
            _check(_program(graph, kernel), x)
