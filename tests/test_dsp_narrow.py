"""Weights of 1 to 4 bits for Arm's DSP extension: random layers, sums at their limits, assembly on a core."""

from dataclasses import replace
from typing import Any

import kernel_library
import numpy as np
import pytest
from kernel_cases import machine_for
from single_layers import Scales, layer, random_convolution, side_by_side
from toolchains import tool

from edgeq.emit import Banner, emit
from edgeq.emulation import emulate
from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph, Quant
from edgeq.kernels import KERNELS, Kernel
from edgeq.ops.activation import Activation
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.program import Program, build_program
from edgeq.select import Machine, Prices
from edgeq.targets import read_target

_KERNELS = {kernel.name: kernel for kernel in KERNELS}
_DTYPES = {4: DType.S4, 3: DType.S3, 2: DType.S2, 1: DType.B1}
_CONVS = {bits: _KERNELS[f"edgeq_conv2d_w{bits}_s8__dsp"] for bits in _DTYPES}
_DENSE = {bits: _KERNELS[f"edgeq_dense_w{bits}_s8__dsp"] for bits in _DTYPES}
_DEPTHWISE = [_KERNELS[f"edgeq_depthwise_conv2d_{kind}narrow_s8__dsp"] for kind in ("", "3x3_", "3x3_lean_")]
_rounded = pytest.mark.parametrize("rounding", Rounding, ids=lambda r: r.value)
_narrow = pytest.mark.parametrize("bits", _DTYPES)


def _integers(rng: np.random.Generator, bits: int, shape: tuple[int, ...]) -> Any:
    low, high = _DTYPES[bits].range
    drawn = rng.integers(low, high + 1, shape)
    return np.where(drawn == 0, 1, drawn) if bits == 1 else drawn


def _narrowed(rng: np.random.Generator, graph: Graph, bits: int) -> Graph:
    """The layer with other weights, and scales so that its outputs use their range."""
    weights = graph.types["w"]
    drawn = _integers(rng, bits, weights.shape)
    taps = drawn.size // graph.types["y"].shape[-1]
    levels = float(np.sqrt((drawn.astype(float) ** 2).mean()))
    y = graph.types["y"]
    assert y.quant is not None
    quant = Quant.per_tensor(0.0015 * levels * float(np.sqrt(taps)), y.quant.zero_point[0])
    types = {**graph.types, "w": replace(weights, dtype=_DTYPES[bits]), "y": replace(y, quant=quant)}
    return graph.with_(types=types, constants={**graph.constants, "w": drawn.astype(np.int8)})


def _finer(graph: Graph, scale: float) -> Graph:
    """The layer with outputs of finer steps, so that its sums are scaled by so much."""
    x, w, y = (graph.types[v] for v in "xwy")
    assert x.quant is not None
    assert w.quant is not None
    assert y.quant is not None
    quant = Quant.per_tensor(x.quant.scale[0] * w.quant.scale[0] / scale, y.quant.zero_point[0])
    return graph.with_(types={**graph.types, "y": replace(y, quant=quant)})


def _program(graph: Graph, kernel: Kernel) -> Program:
    program = build_program(graph, "net", machine=machine_for(kernel))
    assert program.kernels == (kernel,), program.layers[0].choice.refused
    return program


def _check(graph: Graph, kernel: Kernel, *inputs: Any) -> None:
    (found,) = kernel_library.run(_program(graph, kernel), inputs)
    wanted = evaluate(graph, inputs)["y"]
    np.testing.assert_array_equal(found, wanted)


def _random(rng: np.random.Generator, graph: Graph) -> list[Any]:
    return [rng.integers(-128, 128, graph.types[v].shape).astype(np.int8) for v in graph.inputs]


@_rounded
@_narrow
@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d"])
def test_random_convolutions(op: str, bits: int, rounding: Rounding) -> None:
    rng = np.random.default_rng(bits)
    for _ in range(30):
        graph = _narrowed(rng, random_convolution(rng, op), bits).with_(rounding=rounding)
        _check(graph, _CONVS[bits], *_random(rng, graph))


def _dense(rng: np.random.Generator, bits: int, rows: int, features: int, out: int) -> Graph:
    scales = Scales(x_zero=int(rng.integers(-128, 128)), y_zero=int(rng.integers(-128, 128)))
    bias = rng.integers(-300, 300, out)
    graph = layer("dense", DenseAttrs(), (rows, features), np.zeros((out, features)), (rows, out), bias, scales)
    return _narrowed(rng, graph, bits)


@_rounded
@_narrow
def test_random_dense_layers(bits: int, rounding: Rounding) -> None:
    rng = np.random.default_rng(8)
    for _ in range(30):
        features, out, rows = (int(n) for n in rng.integers(1, (200, 40, 4)))
        graph = _dense(rng, bits, rows, features, out).with_(rounding=rounding)
        _check(graph, _DENSE[bits], *_random(rng, graph))


def _depthwise(rng: np.random.Generator, bits: int, kernel: int, activation: Activation = Activation.RELU) -> Graph:
    """Odd and even numbers of taps, channels that make no four, rows and columns as lines."""
    rows, cols = (int(n) for n in rng.integers(kernel, 14, 2))
    channels, stride = int(rng.integers(4, 19)), int(rng.integers(1, 3))
    attrs = DepthwiseConv2dAttrs(
        stride=(stride, stride),
        padding=(kernel // 2, kernel // 2, kernel // 2, kernel // 2),
        activation=activation,
    )
    y = tuple((n + 2 * (kernel // 2) - kernel) // stride + 1 for n in (rows, cols))
    scales = Scales(x_zero=int(rng.integers(-128, 128)), y_zero=-128)
    bias = rng.integers(-300, 300, channels)
    weights = np.zeros((1, kernel, kernel, channels))
    graph = layer("depthwise_conv2d", attrs, (2, rows, cols, channels), weights, (2, *y, channels), bias, scales)
    return _narrowed(rng, graph, bits)


@_rounded
@_narrow
@pytest.mark.parametrize(("kernel", "side"), [*((k, 3) for k in _DEPTHWISE), *((_DEPTHWISE[0], k) for k in (1, 2, 5))])
def test_random_depthwise_convolutions(kernel: Kernel, side: int, bits: int, rounding: Rounding) -> None:
    rng = np.random.default_rng(9)
    for _ in range(12):
        graph = _depthwise(rng, bits, side).with_(rounding=rounding)
        _check(graph, kernel, *_random(rng, graph))


@_narrow
def test_outputs_as_fine_as_sums(bits: int) -> None:
    """Steps of narrow weights are large: with one rounding, outputs may have the steps of the sums, or finer ones."""
    rng = np.random.default_rng(10)
    for step in (1.0, 0.4, 0.1):
        graph = _depthwise(rng, bits, 3, Activation.NONE).with_(rounding=Rounding.SINGLE)
        y = replace(graph.types["y"], quant=Quant.per_tensor(0.05 * 0.01 * step, 3))
        _check(graph.with_(types={**graph.types, "y": y}), _DEPTHWISE[2], *_random(rng, graph))


@pytest.mark.parametrize(
    ("optimize", "rounding"),
    [("-O0", Rounding.DOUBLE), ("-O2", Rounding.DOUBLE), ("-Os", Rounding.SINGLE), ("-O2", Rounding.FLOAT32)],
)
@pytest.mark.parametrize("depthwise", _DEPTHWISE, ids=lambda k: k.name)
def test_assembly_computes_what_c_does(depthwise: Kernel, optimize: str, rounding: Rounding) -> None:
    tool("arm-none-eabi-gcc")
    rng = np.random.default_rng(6)
    layers = [_depthwise(rng, bits, 3) for bits in _DTYPES for _ in range(4)]
    kernels: tuple[Kernel, ...] = (depthwise,)
    if depthwise is _DEPTHWISE[0]:
        kernels = (*kernels, *_CONVS.values(), *_DENSE.values())
        shapes = ((1, 3, 5), (2, 64, 8), (1, 101, 29), (3, 300, 17))
        layers += [_narrowed(rng, random_convolution(rng), bits) for bits in _DTYPES for _ in range(8)]
        layers += [_dense(rng, bits, *shape) for bits in _DTYPES for shape in shapes]
    if depthwise is not _DEPTHWISE[1]:  # whose sums cannot be shifted as far
        layers += [_finer(layers[i % len(layers)], scale) for i, scale in enumerate(np.geomspace(0.5, 6, 13))]
    graph = side_by_side(layers).with_(rounding=rounding)
    machine = Machine("m4", ("c", "dsp"), {kernel.name: Prices({}, 0) for kernel in kernels})
    program = build_program(graph, "net", machine=machine)
    assert set(program.kernels) == set(kernels), [layer.choice.refused for layer in program.layers]
    inputs = _random(rng, graph)
    files = emit(program, Banner("0", "", "", ""))
    run = emulate(program, files, read_target("cortex-m4"), inputs, optimize=optimize)
    wanted = evaluate(graph, inputs)
    for found, value in zip(run.outputs, graph.outputs, strict=True):
        np.testing.assert_array_equal(found, wanted[value])


_STEP = 0.05 * 0.01
"""Of sums, with the scales that layers have here."""


def _same_weights(kernel: Kernel, bits: int, weights: Any, bias: Any = None, scales: Scales | None = None) -> Graph:
    """A layer of one row, or two pixels, with weights `[channels, taps]`."""
    out, taps = weights.shape
    dtypes, scales = (DType.S8, _DTYPES[bits], DType.S8), scales or Scales(y=_STEP * (taps + 2))
    if kernel in _DENSE.values():
        return layer("dense", DenseAttrs(), (1, taps), weights, (1, out), bias, scales, dtypes)
    filters = weights.reshape(out, 1, 1, taps)
    return layer("conv2d", Conv2dAttrs(), (1, 1, 2, taps), filters, (1, 1, 2, out), bias, scales, dtypes)


def _refusal(graph: Graph, kernel: Kernel) -> str:
    choice = build_program(graph, "net", machine=machine_for(kernel)).layers[0].choice
    return dict(choice.refused)[kernel.name]


def _extremes(graph: Graph) -> list[Any]:
    return [np.full(graph.types["x"].shape, value, np.int8) for value in (-128, 127)]


@_narrow
@_rounded
@pytest.mark.parametrize("kernels", [_CONVS, _DENSE], ids=["conv2d", "dense"])
def test_all_inputs_and_weights_at_their_ends(kernels: Any, bits: int, rounding: Rounding) -> None:
    low, high = _DTYPES[bits].range
    for taps in (1, 7, 8, 9, 500):
        weights = np.full((9, taps), low)
        weights[1::3] = high
        graph = _same_weights(kernels[bits], bits, weights).with_(rounding=rounding)
        for x in _extremes(graph):
            _check(graph, kernels[bits], x)


@pytest.mark.parametrize("kernel", [_CONVS[4], _DENSE[4]], ids=lambda k: k.name)
@pytest.mark.parametrize(("place", "largest"), [(0, 2**19 - 1), (1, 2**23 - 1), (2, 2**27 - 1)])
@pytest.mark.parametrize("sign", [1, -1])
def test_sums_up_to_the_bits_of_their_place(kernel: Kernel, place: int, largest: int, sign: int) -> None:
    """One channel's bias brings its sum to the last one that fits; one more is refused.

    There is a step of the output in the middle of the sums: no channel is constant.
    """
    weights = np.zeros((8, 40), int)
    weights[4 + place] = 3 * sign
    bias = np.zeros(8, int)
    bias[4 + place] = largest - 128 * 120 if sign < 0 else -largest - 1 + 128 * 120
    scales = Scales(y=_STEP * (largest - 120 * 127) / 100.5)
    graph = _same_weights(kernel, 4, weights, bias, scales)
    for x in _extremes(graph):
        _check(graph, kernel, x)
    bias[4 + place] -= sign
    found = f"the sums of channel {place + 1} of four can grow to"
    assert found in _refusal(_same_weights(kernel, 4, weights, bias, scales), kernel)


@_narrow
def test_codes_take_their_share_of_the_bytes(bits: int) -> None:
    """Beside the words of stages and biases, which weights of any width have."""
    rng = np.random.default_rng(1)
    stages = 16 * (4 * 3 + 4)
    for kernels, shape in ((_CONVS, (64, 64)), (_DENSE, (64, 64))):
        graph = _same_weights(kernels[bits], bits, _integers(rng, bits, shape))
        taken = _program(graph, kernels[bits]).layers[0].choice.taken
        assert taken.constants == 64 * 64 * bits // 8 + 4 * stages


def test_zero_points_of_weights_are_refused() -> None:
    graph = _same_weights(_DENSE[4], 4, np.ones((4, 4), int))
    weights = replace(graph.types["w"], quant=Quant.per_tensor(0.01, 1))
    refused = _refusal(graph.with_(types={**graph.types, "w": weights}), _DENSE[4])
    assert "a zero point other than 0; accepted: 0" in refused
