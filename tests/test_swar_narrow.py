"""Weights of 4, 2 and 1 bits on cores without SIMD: random layers, sums at their limits, assembly on a core."""

from collections.abc import Callable, Mapping
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
from edgeq.kernels.swar_narrow import pack_narrow_words
from edgeq.ops.activation import Activation
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.program import build_program
from edgeq.select import Machine, Prices
from edgeq.targets import read_target

_KERNELS = {kernel.name: kernel for kernel in KERNELS}
_DTYPES = {4: DType.S4, 2: DType.S2, 1: DType.B1}
_CONVS = {bits: _KERNELS[f"edgeq_conv2d_w{bits}_s8__swar"] for bits in _DTYPES}
_DENSE = {bits: _KERNELS[f"edgeq_dense_w{bits}_s8__swar"] for bits in _DTYPES}
_DEPTHWISE = _KERNELS["edgeq_depthwise_conv2d_narrow_s8__swar"]
_rounded = pytest.mark.parametrize("rounding", Rounding, ids=lambda r: r.value)
_narrow = pytest.mark.parametrize("bits", _DTYPES)


def _integers(rng: np.random.Generator, bits: int, shape: tuple[int, ...]) -> Any:
    low, high = _DTYPES[bits].range
    drawn = rng.integers(low, high + 1, shape)
    return np.where(drawn == 0, 1, drawn) if bits == 1 else drawn


def _narrowed(rng: np.random.Generator, graph: Graph, bits: int) -> Graph:
    """The layer with other weights, and outputs whose steps are about as much coarser as there are sums."""
    weights = _integers(rng, bits, graph.types["w"].shape)
    axis = 3 if graph.nodes[0].op == "depthwise_conv2d" else 0
    taps = weights.size // weights.shape[axis]
    quant = graph.types["y"].quant
    assert quant is not None
    step = 0.05 * 0.01 * 2 ** (bits - 1) * float(np.sqrt(taps)) * 2
    y = replace(graph.types["y"], quant=replace(quant, scale=(float(np.float32(step)),)))
    types = {**graph.types, "w": replace(graph.types["w"], dtype=_DTYPES[bits]), "y": y}
    constants = {**graph.constants, "w": weights.astype(np.int8)}
    if "b" in constants:
        constants["b"] = constants["b"] // 16
    return graph.with_(types=types, constants=constants)


def _convolution(rng: np.random.Generator, bits: int) -> Graph:
    """One bit cannot be 0, so that filters are whole words."""
    graph = random_convolution(rng)
    while bits == 1 and np.prod(graph.types["w"].shape[1:]) % 4:
        graph = random_convolution(rng)
    return _narrowed(rng, graph, bits)


def _dense(rng: np.random.Generator, bits: int, shape: tuple[int, int, int] | None = None) -> Graph:
    rows, features, out = shape or (int(n) for n in rng.integers(1, (4, 600, 140)))
    scales = Scales(x_zero=int(rng.integers(-128, 128)), y_zero=int(rng.integers(-128, 128)))
    bias = rng.integers(-3000, 3000, out)
    graph = layer("dense", DenseAttrs(), (rows, features), np.zeros((out, features)), (rows, out), bias, scales)
    return _narrowed(rng, graph, bits)


def _depthwise(rng: np.random.Generator, bits: int) -> Graph:
    side, stride, channels = (int(n) for n in rng.integers((1, 1, 1), (6, 3, 7)))
    rows, cols = (int(n) for n in rng.integers(side, 30, 2))
    half = (side - 1) // 2
    attrs = DepthwiseConv2dAttrs((stride, stride), padding=(half,) * 4, activation=Activation.RELU)
    y = tuple((n + 2 * half - side) // stride + 1 for n in (rows, cols))
    scales = Scales(x_zero=int(rng.integers(-128, 128)), y_zero=-128)
    bias = rng.integers(-300, 300, channels)
    weights = np.zeros((1, side, side, channels))
    graph = layer("depthwise_conv2d", attrs, (2, rows, cols, channels), weights, (2, *y, channels), bias, scales)
    return _narrowed(rng, graph, bits)


_LAYERS: Mapping[str, Callable[..., Graph]] = {"conv2d": _convolution, "dense": _dense, "depthwise_conv2d": _depthwise}


def _kernel(op: str, bits: int) -> Kernel:
    return {"conv2d": _CONVS[bits], "dense": _DENSE[bits], "depthwise_conv2d": _DEPTHWISE}[op]


def _check(graph: Graph, kernel: Kernel, *inputs: Any) -> None:
    program = build_program(graph, "net", machine=machine_for(kernel))
    assert program.kernels == (kernel,), program.layers[0].choice.refused
    (found,) = kernel_library.run(program, inputs)
    np.testing.assert_array_equal(found, evaluate(graph, inputs)["y"])


def _random(rng: np.random.Generator, graph: Graph) -> list[Any]:
    return [rng.integers(-128, 128, graph.types[v].shape).astype(np.int8) for v in graph.inputs]


@_rounded
@_narrow
@pytest.mark.parametrize("op", _LAYERS)
def test_random_layers(op: str, bits: int, rounding: Rounding) -> None:
    rng = np.random.default_rng(bits)
    for _ in range(20):
        graph = _LAYERS[op](rng, bits).with_(rounding=rounding)
        _check(graph, _kernel(op, bits), *_random(rng, graph))


def test_words() -> None:
    """What is missing is missing from the first word; of a group, elements 2 and 0 are the even pair."""
    (word,) = pack_narrow_words(np.array([[1, 2, 3, 4]]), 4).ravel().view(np.uint32)
    assert word == (8 + 1 << 24) + (8 + 3 << 8) + (8 + 2 << 28) + (8 + 4 << 12)
    first, second = pack_narrow_words(np.ones((1, 20), int), 2).ravel().view(np.uint32)
    assert (first, second) == (0xF000F000, 0xFFFFFFFF)
    assert pack_narrow_words(np.ones((3, 33), int), 1).shape == (3, 2)


@_narrow
@_rounded
@pytest.mark.parametrize("op", ["conv2d", "dense"])
def test_inputs_and_weights_at_their_ends(op: str, bits: int, rounding: Rounding) -> None:
    low, high = _DTYPES[bits].range
    for taps in (4, 8, 32, 36, 500):
        weights = np.full((9, taps), low)
        weights[1::3] = high
        dtypes = (DType.S8, _DTYPES[bits], DType.S8)
        scales = Scales(y=0.05 * 0.01 * (taps + 2) * 2)
        if op == "dense":
            graph = layer(op, DenseAttrs(), (1, taps), weights, (1, 9), None, scales, dtypes)
        else:
            filters = weights.reshape(9, 1, 1, taps)
            graph = layer(op, Conv2dAttrs(), (1, 1, 2, taps), filters, (1, 1, 2, 9), None, scales, dtypes)
        for value in (-128, 127):
            x = np.full(graph.types["x"].shape, value, np.int8)
            _check(graph.with_(rounding=rounding), _kernel(op, bits), x)


@_rounded
@pytest.mark.parametrize("scale", [0.3, 0.6, 0.97, 1.7, 2.2, 5.0])
@pytest.mark.parametrize("op", _LAYERS)
def test_outputs_about_as_fine_as_sums(op: str, scale: float, rounding: Rounding) -> None:
    """Narrow weights make few sums: an output may count half a unit of a sum, or several."""
    rng = np.random.default_rng(7)
    for zero in (-128, 9):
        graph = _LAYERS[op](rng, 4).with_(rounding=rounding)
        scales = Quant.per_tensor(0.05 * 0.01 / scale, zero)
        graph = graph.with_(types={**graph.types, "y": replace(graph.types["y"], quant=scales)})
        _check(graph, _kernel(op, 4), *_random(rng, graph))


def test_bits_that_fill_no_group_are_refused() -> None:
    graph = _narrowed(np.random.default_rng(0), layer("conv2d", Conv2dAttrs(), *_three_taps()), 1)
    choice = build_program(graph, "net", machine=machine_for(_CONVS[1])).layers[0].choice
    assert "3 weights of 1 bit, which cannot be 0" in dict(choice.refused)[_CONVS[1].name]


def _three_taps() -> tuple[Any, ...]:
    return (1, 4, 4, 3), np.ones((2, 1, 1, 3)), (1, 4, 4, 2)


@_narrow
def test_weights_take_their_share_of_the_bytes(bits: int) -> None:
    rng = np.random.default_rng(1)
    graph = _dense(rng, bits, (1, 256, 64))
    taken = build_program(graph, "net", machine=machine_for(_DENSE[bits])).layers[0].choice.taken
    assert taken.constants == 256 * 64 * bits // 8 + 64 * 5 * 4


@pytest.mark.parametrize(
    ("core", "optimize", "rounding"),
    [
        ("cortex-m0plus", "-O0", Rounding.DOUBLE),
        ("cortex-m0plus", "-O2", Rounding.DOUBLE),
        ("cortex-m0plus", "-Os", Rounding.SINGLE),
        ("cortex-m3", "-O2", Rounding.FLOAT32),
    ],
)
def test_assembly_computes_what_c_does(core: str, optimize: str, rounding: Rounding) -> None:
    tool("arm-none-eabi-gcc")
    rng = np.random.default_rng(6)
    layers = [_LAYERS[op](rng, bits) for bits in _DTYPES for op in ("conv2d", "depthwise_conv2d") for _ in range(5)]
    shapes = ((2, 3, 5), (1, 64, 8), (1, 101, 29), (1, 517, 70))
    layers += [_dense(rng, bits, shape) for bits in _DTYPES for shape in shapes]
    graph = side_by_side(layers).with_(rounding=rounding)
    kernels = (*_CONVS.values(), *_DENSE.values(), _DEPTHWISE)
    program = build_program(
        graph, "net", machine=Machine(core, ("c", "swar"), {k.name: Prices({}, 0) for k in kernels})
    )
    assert set(program.kernels) == set(kernels), [layer.choice.refused for layer in program.layers]
    inputs = _random(rng, graph)
    run = emulate(program, emit(program, Banner("0", "", "", "")), read_target(core), inputs, optimize=optimize)
    wanted = evaluate(graph, inputs)
    for found, value in zip(run.outputs, graph.outputs, strict=True):
        np.testing.assert_array_equal(found, wanted[value])
