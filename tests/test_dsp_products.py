"""Convolutions and dense layers for Arm's DSP extension: shapes beyond the operators' cases, sums at their limits."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import kernel_library
import numpy as np
import pytest
from kernel_cases import machine_for
from single_layers import Scales, dense, matmul, pointwise, random_convolution, side_by_side
from toolchains import tool

from edgeq.emit import Banner, emit
from edgeq.emulation import emulate
from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding
from edgeq.ir import Graph
from edgeq.kernels import KERNELS, Kernel
from edgeq.kernels.dsp_conv import Conv2dDspParams
from edgeq.program import Program, build_program
from edgeq.select import Machine, Prices
from edgeq.targets import read_target

_KERNELS = {kernel.name: kernel for kernel in KERNELS}
_CONV, _DENSE = _KERNELS["edgeq_conv2d_s8__dsp"], _KERNELS["edgeq_dense_s8__dsp"]
_LONG_CONV, _LONG_DENSE = _KERNELS["edgeq_conv2d_s8_long__dsp"], _KERNELS["edgeq_dense_s8_long__dsp"]
_LAYERS: Mapping[Kernel, Callable[..., Graph]] = {
    _CONV: pointwise,
    _DENSE: dense,
    _LONG_CONV: pointwise,
    _LONG_DENSE: dense,
}
_both = pytest.mark.parametrize("kernel", [_CONV, _DENSE], ids=lambda k: k.name)
_long = pytest.mark.parametrize("kernel", [_LONG_CONV, _LONG_DENSE], ids=lambda k: k.name)
_rounded = pytest.mark.parametrize("rounding", Rounding, ids=lambda r: r.value)

_LONGEST = 516
"""Taps whose sums fit 24 bits whatever the weights from -127 to 127."""


def _program(graph: Graph, kernel: Kernel) -> Program:
    program = build_program(graph, "net", machine=machine_for(kernel))
    assert program.kernels == (kernel,), program.layers[0].choice.refused
    return program


def _refusal(graph: Graph, kernel: Kernel) -> str:
    choice = build_program(graph, "net", machine=machine_for(kernel)).layers[0].choice
    return dict(choice.refused)[kernel.name]


def _check(graph: Graph, kernel: Kernel, *inputs: Any) -> None:
    (found,) = kernel_library.run(_program(graph, kernel), inputs)
    np.testing.assert_array_equal(found, evaluate(graph, inputs)["y"])


def _random(rng: np.random.Generator, graph: Graph) -> list[Any]:
    return [rng.integers(-128, 128, graph.types[v].shape).astype(np.int8) for v in graph.inputs]


def _extremes(graph: Graph) -> list[Any]:
    """All inputs at either end of their range."""
    shape = graph.types["x"].shape
    return [np.full(shape, value, np.int8) for value in (-128, 127)]


@_rounded
@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d"])
def test_random_convolutions(op: str, rounding: Rounding) -> None:
    rng = np.random.default_rng(7)
    for _ in range(60):
        graph = random_convolution(rng, op).with_(rounding=rounding)
        _check(graph, _CONV, *_random(rng, graph))


@_rounded
def test_random_dense_layers(rounding: Rounding) -> None:
    rng = np.random.default_rng(8)
    for _ in range(60):
        features, out, rows = (int(n) for n in rng.integers(1, (200, 40, 4)))
        weights, bias = rng.integers(-127, 128, (out, features)), rng.integers(-3000, 3000, out)
        graph = dense(weights, rows, bias).with_(rounding=rounding)
        _check(graph, _DENSE, *_random(rng, graph))


@_rounded
def test_random_matrices(rounding: Rounding) -> None:
    rng, kernel = np.random.default_rng(5), _KERNELS["edgeq_batch_matmul_s8__dsp"]
    for _ in range(40):
        rows, depth, cols = (int(n) for n in rng.integers(1, (6, 70, 20)))
        adj_x, adj_y = (bool(n) for n in rng.integers(0, 2, 2))
        scales = Scales(y=0.05 * float(np.sqrt(depth)), x_zero=int(rng.integers(-128, 128)))
        graph = matmul(int(rng.integers(1, 3)), (rows, depth, cols), adj_x=adj_x, adj_y=adj_y, scales=scales)
        _check(graph.with_(rounding=rounding), kernel, *_random(rng, graph))


@_both
@pytest.mark.parametrize("weight", [-127, 127])
def test_longest_sums(kernel: Kernel, weight: int) -> None:
    weights = np.full((9, _LONGEST), weight)
    weights[::3] *= -1
    graph = _LAYERS[kernel](weights)
    for x in _extremes(graph):
        _check(graph, kernel, x)
    reason = _refusal(_LAYERS[kernel](np.full((2, _LONGEST + 1), weight)), kernel)
    assert "the sums of an odd channel can grow to" in reason


@_long
@_rounded
def test_sums_of_any_size(kernel: Kernel, rounding: Rounding) -> None:
    rng = np.random.default_rng(4)
    for taps in (3, 503, 504, 505, 1008, 2050):
        weights = rng.choice([-127, 127], (9, taps))
        weights[1], weights[3] = 127, -127
        graph = _LAYERS[kernel](weights, bias=rng.integers(-30000, 30000, 9)).with_(rounding=rounding)
        for x in (*_extremes(graph), *_random(rng, graph)):
            _check(graph, kernel, x)


@_both
def test_even_channels_may_sum_more(kernel: Kernel) -> None:
    weights = np.full((4, 2000), 127)
    weights[1::2] = 1
    graph = _LAYERS[kernel](weights)
    for x in _extremes(graph):
        _check(graph, kernel, x)


@_both
@pytest.mark.parametrize(("weight", "bias"), [(127, 500 * 127 * 128 - 2**23), (-127, 2**23 - 1 - 500 * 127 * 128)])
def test_biases_count_in_the_sums(kernel: Kernel, weight: int, bias: int) -> None:
    weights = np.full((2, 500), weight)
    graph = _LAYERS[kernel](weights, bias=np.array([0, bias]))
    for x in _extremes(graph):
        _check(graph, kernel, x)
    refused = _LAYERS[kernel](weights, bias=np.array([0, bias + np.sign(bias)]))
    assert "the sums of an odd channel can grow to" in _refusal(refused, kernel)


@_both
@_rounded
def test_least_weight(kernel: Kernel, rounding: Rounding) -> None:
    """-128 beside a negative weight: the odd channel is raised by 1, and the sum of the inputs subtracted."""
    rng = np.random.default_rng(10)
    for taps in (3, 255, 256, 257, 511, 700):
        weights = rng.integers(-30, 30, (9, taps))
        weights[1:4, -1] = weights[4:6, 0] = -128
        graph = _LAYERS[kernel](weights, bias=rng.integers(-3000, 3000, 9)).with_(rounding=rounding)
        for x in (*_extremes(graph), *_random(rng, graph)):
            _check(graph, kernel, x)
    weights[1, 0], weights[0] = 127, 0
    _check(_LAYERS[kernel](weights), kernel, *_random(rng, graph))
    weights[0] = -1
    weights[0, 0] = 1
    assert "weights of -128 and of 127" in _refusal(_LAYERS[kernel](weights), kernel)


@_both
@_rounded
@pytest.mark.parametrize("zero", [-127, -5, 127])
def test_zero_points_of_weights(kernel: Kernel, zero: int, rounding: Rounding) -> None:
    rng = np.random.default_rng(11)
    for taps in (1, 4, 70, 256, 300):
        weights = np.clip(rng.integers(-40, 40, (6, taps)), -127 + max(0, zero), 127 + min(0, zero))
        weights[1, 0] = weights[2, 0] = -128
        scales = Scales(x_zero=-11, y=0.5, y_zero=3, weights_zero=zero)
        graph = _LAYERS[kernel](weights, bias=rng.integers(-300, 300, 6), scales=scales).with_(rounding=rounding)
        for x in (*_extremes(graph), *_random(rng, graph)):
            _check(graph, kernel, x)


@_rounded
def test_convolutions_with_zero_points_of_weights(rounding: Rounding) -> None:
    rng = np.random.default_rng(12)
    for op in ("conv2d", "depthwise_conv2d") * 15:
        graph = random_convolution(rng, op, weights_zero=int(rng.integers(-100, 100))).with_(rounding=rounding)
        _check(graph, _CONV, *_random(rng, graph))


def test_ranges_of_rows() -> None:
    rng = np.random.default_rng(9)
    for _ in range(20):
        graph = random_convolution(rng)
        x = rng.integers(-128, 128, graph.types["x"].shape).astype(np.int8)
        program = build_program(graph, "net", machine=machine_for(_CONV), keep_inputs=True)
        layer = program.layers[0]
        begin, end = sorted(rng.integers(0, graph.types["y"].shape[1] + 1, 2).tolist())
        assert isinstance(layer.params, Conv2dDspParams)
        part = replace(layer, params=replace(layer.params, row_begin=begin, row_end=end))
        (found,) = kernel_library.run(replace(program, layers=(part,)), [x])
        wanted = evaluate(graph, [x])["y"]
        np.testing.assert_array_equal(found[:, begin:end], wanted[:, begin:end])
        assert set(np.delete(found, np.s_[begin:end], axis=1).flat) <= {kernel_library.UNTOUCHED}


@pytest.mark.parametrize(
    ("optimize", "rounding"),
    [("-O0", Rounding.DOUBLE), ("-O2", Rounding.DOUBLE), ("-Os", Rounding.SINGLE), ("-O2", Rounding.FLOAT32)],
)
@pytest.mark.parametrize("kernels", [(_CONV, _DENSE), (_LONG_CONV, _LONG_DENSE)], ids=["plain", "long"])
def test_assembly_computes_what_c_does(kernels: tuple[Kernel, ...], optimize: str, rounding: Rounding) -> None:
    tool("arm-none-eabi-gcc")
    rng = np.random.default_rng(6)
    layers = [random_convolution(rng, op) for op in ("conv2d", "depthwise_conv2d") for _ in range(8)]
    layers += [dense(rng.integers(-127, 128, shape), 2) for shape in ((3, 5), (8, 64), (29, 101), (17, 516))]
    graph = side_by_side(layers).with_(rounding=rounding)
    machine = Machine("m4", ("c", "dsp"), {kernel.name: Prices({}, 0) for kernel in kernels})
    program = build_program(graph, "net", machine=machine)
    assert set(program.kernels) == set(kernels)
    inputs = _random(rng, graph)
    files = emit(program, Banner("0", "", "", ""))
    run = emulate(program, files, read_target("cortex-m4"), inputs, optimize=optimize)
    wanted = evaluate(graph, inputs)
    for found, value in zip(run.outputs, graph.outputs, strict=True):
        np.testing.assert_array_equal(found, wanted[value])
