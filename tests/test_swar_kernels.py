"""Kernels for cores without SIMD: shapes beyond the operators' cases, sums at their limits, and their assembly."""

from dataclasses import replace
from typing import Any

import kernel_library
import numpy as np
import pytest
from kernel_cases import machine_for
from single_layers import Scales, dense, layer, pointwise, random_convolution, side_by_side
from toolchains import tool

from edgeq.emit import Banner, emit
from edgeq.emulation import emulate
from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.kernels import KERNELS, Kernel
from edgeq.kernels.swar_conv2d import Conv2dSwarParams
from edgeq.kernels.swar_depthwise import DepthwiseSwarParams
from edgeq.ops.activation import Activation
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.program import Program, build_program
from edgeq.select import Machine, Prices
from edgeq.targets import read_target

_KERNELS = {kernel.name: kernel for kernel in KERNELS}
_CONV, _FEW = _KERNELS["edgeq_conv2d_s8__swar"], _KERNELS["edgeq_conv2d_few_s8__swar"]
_DEPTHWISE, _DENSE = _KERNELS["edgeq_depthwise_conv2d_s8__swar"], _KERNELS["edgeq_dense_s8__swar"]
_convolutions = pytest.mark.parametrize("kernel", [_CONV, _FEW], ids=lambda k: k.name)
_rounded = pytest.mark.parametrize("rounding", Rounding, ids=lambda r: r.value)


def _program(graph: Graph, kernel: Kernel, *, keep_inputs: bool = False) -> Program:
    program = build_program(graph, "net", machine=machine_for(kernel), keep_inputs=keep_inputs)
    assert program.kernels == (kernel,), program.layers[0].choice.refused
    return program


def _refusal(graph: Graph, kernel: Kernel) -> str | None:
    choice = build_program(graph, "net", machine=machine_for(kernel)).layers[0].choice
    return dict(choice.refused).get(kernel.name)


def _check(graph: Graph, kernel: Kernel, *inputs: Any) -> None:
    (found,) = kernel_library.run(_program(graph, kernel), inputs)
    np.testing.assert_array_equal(found, evaluate(graph, inputs)["y"])


def _random(rng: np.random.Generator, graph: Graph) -> list[Any]:
    return [rng.integers(-128, 128, graph.types[v].shape).astype(np.int8) for v in graph.inputs]


def _depthwise(rng: np.random.Generator) -> Graph:
    """Strips of one line or more, rows or columns as lines; half of them have the kernel size of the inner loop."""
    kernel = (3, 3) if rng.random() < 0.5 else (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
    stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    before = [int(rng.integers(0, k)) for k in kernel]
    behind = [k - 1 - n for k, n in zip(kernel, before, strict=True)]
    image = [int(n) for n in rng.integers(5, 40, 2)]
    out = [-(-n // s) for n, s in zip(image, stride, strict=True)]
    channels = int(rng.integers(1, 6))
    attrs = DepthwiseConv2dAttrs(
        stride=stride,
        padding=(before[0], behind[0], before[1], behind[1]),
        activation=Activation(rng.choice([a.value for a in Activation])),
    )
    weights = rng.integers(-127, 128, (1, *kernel, channels))
    bias = rng.integers(-3000, 3000, (*out, channels) if rng.random() < 0.3 else channels)
    scales = Scales(y=0.1, x_zero=int(rng.integers(-128, 128)), y_zero=int(rng.integers(-128, 128)))
    return layer("depthwise_conv2d", attrs, (1, *image, channels), weights, (1, *out, channels), bias, scales)


@_rounded
def test_random_convolutions(rounding: Rounding) -> None:
    rng = np.random.default_rng(7)
    taken = dict.fromkeys((_CONV, _FEW), 0)
    for _ in range(40):
        graph = random_convolution(rng).with_(rounding=rounding)
        for kernel in taken:
            if _refusal(graph, kernel) is None:
                taken[kernel] += 1
                _check(graph, kernel, *_random(rng, graph))
    assert taken[_CONV] > 30
    assert taken[_FEW] > 5


@_rounded
def test_random_depthwise_convolutions(rounding: Rounding) -> None:
    rng = np.random.default_rng(8)
    for _ in range(40):
        graph = _depthwise(rng).with_(rounding=rounding)
        _check(graph, _DEPTHWISE, *_random(rng, graph))


@_rounded
def test_random_dense_layers(rounding: Rounding) -> None:
    rng = np.random.default_rng(9)
    for _ in range(40):
        features, out, rows = (int(n) for n in rng.integers(1, (600, 140, 4)))
        weights, bias = rng.integers(-127, 128, (out, features)), rng.integers(-3000, 3000, out)
        graph = dense(weights, rows, bias, Scales(y=0.005 * float(np.sqrt(features)))).with_(rounding=rounding)
        _check(graph, _DENSE, *_random(rng, graph))


def _ends(graph: Graph) -> list[Any]:
    """All inputs at either end of their range."""
    return [np.full(graph.types["x"].shape, value, np.int8) for value in (-128, 127)]


@_rounded
@pytest.mark.parametrize("activation", [Activation.NONE, Activation.RELU], ids=lambda a: a.value)
def test_every_step_of_the_output(activation: Activation, rounding: Rounding) -> None:
    """All inputs of two channels; with a clamp at zero, all channels have ramps, whichever way halves go."""
    rng = np.random.default_rng(3)
    weights, bias = rng.integers(-127, 128, (8, 1, 1, 2)), rng.integers(-3000, 3000, 8)
    for y in (0.04, 0.11, 3.0):
        scales = Scales(y=y, x_zero=-5, y_zero=-128 if activation is Activation.RELU else 9)
        shape = (1, 256, 256, 2)
        graph = layer("conv2d", Conv2dAttrs(activation=activation), shape, weights, (*shape[:3], 8), bias, scales)
        params = _program(graph.with_(rounding=rounding), _CONV).layers[0].params
        assert isinstance(params, Conv2dSwarParams)
        if activation is Activation.RELU and rounding is not Rounding.FLOAT32:
            assert params.products == 0
        x = np.stack(np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)), axis=-1)[None].astype(np.int8)
        _check(graph.with_(rounding=rounding), _CONV, x)


@_rounded
@pytest.mark.parametrize("sign", [-1, 1])
def test_largest_sums(sign: int, rounding: Rounding) -> None:
    """All weights and inputs at the ends of their ranges, with the bias that is just allowed, and the next one."""
    taps, limit = 2000, 2**30 - 1
    largest = taps * 127 * 128
    weights = np.full((3, taps), 127)
    weights[1] *= -1
    for kernel, make in ((_CONV, pointwise), (_DENSE, dense)):
        bias = np.array([0, 0, sign * (limit - largest)])
        graph = make(weights, bias=bias, scales=Scales(y=4e3)).with_(rounding=rounding)
        for x in _ends(graph):
            _check(graph, kernel, x)
        refused = make(weights * [[1], [1], [-sign]], bias=bias + np.array([0, 0, sign]), scales=Scales(y=4e3))
        reason = _refusal(refused.with_(rounding=rounding), kernel)
        assert reason == f"sums can grow to {limit + 1}; accepted: up to {limit}"


def test_least_weights() -> None:
    """One of two that meet may be the least; that both are is in test_swar_weights.py."""
    rng = np.random.default_rng(4)
    weights = np.tile(rng.choice([-127, 127], (6, 2)).repeat(2, axis=1), 33)
    weights[:, ::4] = -128
    weights[:, 3::4] = -128
    for kernel, graph in {_CONV: pointwise(weights), _DENSE: dense(weights)}.items():
        for x in (*_ends(graph), rng.choice([-128, 127], graph.types["x"].shape).astype(np.int8)):
            _check(graph, kernel, x)


@_convolutions
def test_ranges_of_rows(kernel: Kernel) -> None:
    rng = np.random.default_rng(9)
    tried = 0
    for _ in range(30):
        graph = random_convolution(rng)
        if _refusal(graph, kernel) is not None:
            continue
        (x,) = _random(rng, graph)
        program = _program(graph, kernel, keep_inputs=True)
        begin, end = sorted(rng.integers(0, graph.types["y"].shape[1] + 1, 2).tolist())
        row = program.layers[0]
        assert isinstance(row.params, Conv2dSwarParams)
        part = replace(row, params=replace(row.params, row_begin=begin, row_end=end))
        (found,) = kernel_library.run(replace(program, layers=(part,)), [x])
        np.testing.assert_array_equal(found[:, begin:end], evaluate(graph, [x])["y"][:, begin:end])
        assert set(np.delete(found, np.s_[begin:end], axis=1).flat) <= {kernel_library.UNTOUCHED}
        tried += 1
    assert tried > 3


def test_ranges_of_lines() -> None:
    rng = np.random.default_rng(10)
    for _ in range(20):
        graph = _depthwise(rng)
        (x,) = _random(rng, graph)
        program = _program(graph, _DEPTHWISE, keep_inputs=True)
        row = program.layers[0]
        assert isinstance(row.params, DepthwiseSwarParams)
        begin, end = sorted(rng.integers(0, row.params.line_end + 1, 2).tolist())
        part = replace(row, params=replace(row.params, line_begin=begin, line_end=end))
        (found,) = kernel_library.run(replace(program, layers=(part,)), [x])
        axis = 1 if row.params.out_line_step > row.params.out_step else 2
        lines = np.moveaxis(found, axis, 0)
        np.testing.assert_array_equal(lines[begin:end], np.moveaxis(evaluate(graph, [x])["y"], axis, 0)[begin:end])
        assert set(np.delete(lines, np.s_[begin:end], axis=0).flat) <= {kernel_library.UNTOUCHED}


@_rounded
@pytest.mark.parametrize("op", ["add", "sub"])
def test_every_sum_of_two_elements(op: str, rounding: Rounding) -> None:
    """Those that are no plane are refused."""
    kernel, rng, taken = _KERNELS[f"edgeq_{op}_s8__swar"], np.random.default_rng(12), 0
    values = np.arange(-128, 128).astype(np.int8)
    inputs = [np.tile(values, (256, 1)), np.repeat(values, 256).reshape(256, 256)]
    for _ in range(12):
        quants = [
            Quant.per_tensor(float(s), int(z))
            for s, z in zip(rng.uniform(0.01, 0.1, 3), rng.integers(-128, 128, 3), strict=True)
        ]
        types = {v: TensorType((256, 256), DType.S8, q) for v, q in zip(("x", "z", "y"), quants, strict=True)}
        attrs = ArithmeticAttrs(Activation(rng.choice([a.value for a in Activation])))
        graph = Graph("net", ("x", "z"), ("y",), (Node("n", op, ("x", "z"), ("y",), attrs),), types)
        graph = graph.with_(rounding=rounding)
        reason = _refusal(graph, kernel)
        if reason is None:
            taken += 1
            _check(graph, kernel, *inputs)
        else:
            assert reason.startswith("the outputs are not those of a plane")
    assert taken > 3


@pytest.mark.parametrize(
    ("optimize", "rounding"),
    [("-O0", Rounding.DOUBLE), ("-O2", Rounding.DOUBLE), ("-Os", Rounding.SINGLE), ("-O2", Rounding.FLOAT32)],
)
def test_assembly_computes_what_c_does(optimize: str, rounding: Rounding) -> None:
    tool("arm-none-eabi-gcc")
    rng = np.random.default_rng(6)
    layers = [random_convolution(rng) for _ in range(12)] + [_depthwise(rng) for _ in range(8)]
    layers += [dense(rng.integers(-127, 128, shape), 2) for shape in ((3, 5), (8, 64), (29, 101), (70, 517))]
    graph = side_by_side(layers).with_(rounding=rounding)
    kernels = (_CONV, _FEW, _DEPTHWISE, _DENSE)
    prices = {kernel.name: Prices({}, 0) for kernel in kernels} | {_CONV.name: Prices({"call": 1.0}, 0)}
    program = build_program(graph, "net", machine=Machine("m0+", ("c", "swar"), prices))
    assert set(program.kernels) == set(kernels)
    inputs = _random(rng, graph)
    files = emit(program, Banner("0", "", "", ""))
    run = emulate(program, files, read_target("cortex-m0plus"), inputs, optimize=optimize)
    wanted = evaluate(graph, inputs)
    for found, value in zip(run.outputs, graph.outputs, strict=True):
        np.testing.assert_array_equal(found, wanted[value])
