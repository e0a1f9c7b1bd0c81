"""Winograd's convolutions: the algebra, the ranges, sums at their limits, and the assembly on an emulated core."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import kernel_library
import numpy as np
import pytest
from kernel_cases import machine_for
from single_layers import Scales, layer
from toolchains import tool

from edgeq.emit import Banner, emit
from edgeq.emulation import emulate
from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding
from edgeq.ir import Graph, Node
from edgeq.kernels import KERNELS, Kernel
from edgeq.kernels.winograd import F2, F4, Transform, WinogradParams
from edgeq.ops.activation import Activation
from edgeq.ops.conv2d import Conv2dAttrs
from edgeq.program import Program, build_program
from edgeq.select import Machine, Prices
from edgeq.targets import read_target

_KERNELS = {kernel.name: kernel for kernel in KERNELS}
_TRANSFORMS: Sequence[tuple[Kernel, Transform]] = (
    (_KERNELS["edgeq_conv2d_s8_winograd2__dsp"], F2),
    (_KERNELS["edgeq_conv2d_s8_winograd4__dsp"], F4),
)
_each_transform = pytest.mark.parametrize("transform", [t for _, t in _TRANSFORMS], ids=lambda t: t.name)
_each_kernel = pytest.mark.parametrize("kernel", [k for k, _ in _TRANSFORMS], ids=lambda k: k.name)
_each = pytest.mark.parametrize(("kernel", "transform"), _TRANSFORMS, ids=lambda v: v.name)
_rounded = pytest.mark.parametrize("rounding", Rounding, ids=lambda r: r.value)

_SAME = (1, 1, 1, 1)


def _convolution(
    weights: Any,
    image: tuple[int, int] = (4, 4),
    padding: tuple[int, int, int, int] = _SAME,
    bias: Any = None,
    scales: Scales | None = None,
    batch: int = 1,
    activation: Activation = Activation.NONE,
) -> Graph:
    """One 3x3 convolution with weights `[out_c, 3, 3, in_c]`."""
    height, width = image[0] + sum(padding[:2]) - 2, image[1] + sum(padding[2:]) - 2
    attrs = Conv2dAttrs(padding=padding, activation=activation)
    shape = (batch, height, width, len(weights))
    return layer("conv2d", attrs, (batch, *image, weights.shape[3]), weights, shape, bias, scales)


def _random_convolution(rng: np.random.Generator, channels: int | None = None) -> Graph:
    """Sizes, paddings, batches, biases per position and clamps as they come."""
    padding = tuple(int(n) for n in rng.integers(0, 3, 4))
    least = [max(1, 3 - sum(padding[:2])), max(1, 3 - sum(padding[2:]))]
    image = (int(rng.integers(least[0], 14)), int(rng.integers(least[1], 14)))
    in_c, out_c = channels or int(rng.integers(1, 41)), int(rng.integers(1, 10))
    weights = rng.integers(-128, 128, (out_c, 3, 3, in_c))
    height, width = image[0] + sum(padding[:2]) - 2, image[1] + sum(padding[2:]) - 2
    bias = rng.integers(-3000, 3000, (height, width, out_c) if rng.random() < 0.3 else out_c)
    scales = Scales(
        y=0.05 * float(np.sqrt(9 * in_c)),
        x_zero=int(rng.integers(-128, 128)),
        y_zero=int(rng.integers(-128, 128)),
    )
    activation = Activation(rng.choice([a.value for a in Activation]))
    top, bottom, left, right = padding
    return _convolution(weights, image, (top, bottom, left, right), bias, scales, int(rng.integers(1, 3)), activation)


def _random_input(rng: np.random.Generator, graph: Graph) -> Any:
    return rng.integers(-128, 128, graph.types["x"].shape).astype(np.int8)


def _program(graph: Graph, kernel: Kernel, *, keep_inputs: bool = False) -> Program:
    program = build_program(graph, "net", machine=machine_for(kernel), keep_inputs=keep_inputs)
    assert program.kernels == (kernel,), program.layers[0].choice.refused
    return program


def _refusal(graph: Graph, kernel: Kernel) -> str:
    choice = build_program(graph, "net", machine=machine_for(kernel)).layers[0].choice
    return dict(choice.refused)[kernel.name]


def _check(graph: Graph, kernel: Kernel, x: Any) -> None:
    (found,) = kernel_library.run(_program(graph, kernel), [x])
    np.testing.assert_array_equal(found, evaluate(graph, [x])["y"])


@_each_transform
def test_the_matrices_convolve(transform: Transform) -> None:
    """For each filter tap and input by itself; both sides are linear in each."""
    for tap in np.eye(3, dtype=int):
        for x in np.eye(transform.side, dtype=int):
            found = transform.sums @ ((transform.filters @ tap) * (transform.inputs @ x))
            assert found.tolist() == [transform.scale * (x[i : i + 3] @ tap) for i in range(transform.tile)]


@_each_transform
def test_what_is_transformed_fits_halfwords(transform: Transform) -> None:
    gains = np.abs(transform.filters).sum(axis=1)
    assert 128 * np.outer(gains, gains).max() < 2**15
    low, high = transform.offset - 128, transform.offset + 127
    factors = np.einsum("ia,jb->ijab", transform.inputs, transform.inputs).reshape(transform.side**2, -1)
    above, below = np.maximum(factors, 0).sum(axis=1), np.maximum(-factors, 0).sum(axis=1)
    assert (above * high - below * low).max() < 2**15
    assert (above * low - below * high).min() >= -(2**15)


@_rounded
@_each_kernel
def test_random_convolutions(kernel: Kernel, rounding: Rounding) -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        graph = _random_convolution(rng).with_(rounding=rounding)
        _check(graph, kernel, _random_input(rng, graph))


@_each
def test_largest_sums(kernel: Kernel, transform: Transform) -> None:
    """All weights and inputs at the ends of their ranges, with the bias that is just allowed, and the next one."""
    limit = 2**31 // transform.power - 1
    channels = limit // (9 * 127 * 255)
    weights = np.full((2, 3, 3, channels), 127)
    weights[1] *= -1
    bias = limit - channels * 9 * 127 * 255
    for zero, ends in ((-128, (-128, 127)), (127, (-128, 127))):
        scales = Scales(x=1.0, weights=1.0, y=limit / 100, x_zero=zero)
        graph = _convolution(weights, bias=np.array([bias, -bias]), scales=scales)
        for value in ends:
            _check(graph, kernel, np.full(graph.types["x"].shape, value, np.int8))
    for more in (np.array([bias + 1, 0]), np.array([0, -bias - 1])):
        reason = _refusal(_convolution(weights, bias=more, scales=scales), kernel)
        assert reason == f"sums can grow to {limit + 1}; accepted by {transform.name}: up to {limit}"


@_each
def test_largest_transformed_inputs(kernel: Kernel, transform: Transform) -> None:
    """Tiles that make each place of the transformed one as large as it can be, in either direction."""
    factors = np.einsum("ia,jb->ijab", transform.inputs, transform.inputs).reshape(-1, transform.side, transform.side)
    rng = np.random.default_rng(6)
    weights = rng.choice([-128, 127], (3, 3, 3, 8))
    graph = _convolution(weights, (transform.side, transform.side), (0, 0, 0, 0), scales=Scales(y=2.0, x_zero=-77))
    for factor in factors:
        tiles = [np.where(factor > 0, high, -1 - high) for high in (127, -128)]
        x = np.stack([tiles[i] for i in rng.integers(0, 2, 8)], axis=-1)[None].astype(np.int8)
        _check(graph, kernel, x)


@_each_kernel
def test_ranges_of_rows(kernel: Kernel) -> None:
    rng = np.random.default_rng(9)
    for _ in range(20):
        graph = _random_convolution(rng)
        x = _random_input(rng, graph)
        program = _program(graph, kernel, keep_inputs=True)
        row = program.layers[0]
        begin, end = sorted(rng.integers(0, graph.types["y"].shape[1] + 1, 2).tolist())
        assert isinstance(row.params, WinogradParams)
        part = replace(row, params=replace(row.params, row_begin=begin, row_end=end))
        (found,) = kernel_library.run(replace(program, layers=(part,)), [x])
        np.testing.assert_array_equal(found[:, begin:end], evaluate(graph, [x])["y"][:, begin:end])
        assert set(np.delete(found, np.s_[begin:end], axis=1).flat) <= {kernel_library.UNTOUCHED}


@_each_kernel
@pytest.mark.parametrize(
    ("attrs", "kernel_size", "reason"),
    [
        (Conv2dAttrs(), (3, 5), "a filter of 3x5; accepted: 3x3"),
        (Conv2dAttrs(stride=(1, 2)), (3, 3), "stride 1x2 and dilation 1x1; accepted: 1x1 and 1x1"),
        (Conv2dAttrs(dilation=(2, 1)), (3, 3), "stride 1x1 and dilation 2x1; accepted: 1x1 and 1x1"),
        (Conv2dAttrs(groups=2), (3, 3), "2 groups of channels; accepted: 1"),
    ],
)
def test_other_convolutions_are_refused(
    kernel: Kernel, attrs: Conv2dAttrs, kernel_size: tuple[int, int], reason: str
) -> None:
    weights = np.ones((2, *kernel_size, 4 // attrs.groups))
    sizes = zip((8, 8), kernel_size, attrs.stride, attrs.dilation, strict=True)
    out = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in sizes]
    assert _refusal(layer("conv2d", attrs, (1, 8, 8, 4), weights, (1, *out, 2)), kernel) == reason


@_rounded
@_each_kernel
def test_assembly(kernel: Kernel, rounding: Rounding) -> None:
    """On a Cortex-M4, with channels for each way through the inner loop: fewer passes and more, whole and not."""
    tool("arm-none-eabi-gcc")
    rng = np.random.default_rng(10)
    graph = _side_by_side([_random_convolution(rng, c) for c in (1, 4, 8, 13, 16, 20, 24, 32, 36, 48, 64, 65, 80)])
    graph = graph.with_(rounding=rounding)
    machine = Machine("cortex-m4", ("c", "dsp"), {kernel.name: Prices({}, 0)})
    program = build_program(graph, "net", machine=machine)
    assert program.kernels == (kernel,)
    inputs = [rng.integers(-128, 128, graph.types[v].shape).astype(np.int8) for v in graph.inputs]
    run = emulate(program, emit(program, Banner("0", "", "", "")), read_target("cortex-m4"), inputs)
    values = evaluate(graph, inputs)
    for found, output in zip(run.outputs, graph.outputs, strict=True):
        np.testing.assert_array_equal(found, values[output], err_msg=output)


def _side_by_side(graphs: Sequence[Graph]) -> Graph:
    """One graph of several, each with inputs and outputs of its own."""
    nodes: list[Node] = []
    types, constants = {}, {}
    for i, graph in enumerate(graphs):
        types |= {f"{v}{i}": t for v, t in graph.types.items()}
        constants |= {f"{v}{i}": a for v, a in graph.constants.items()}
        nodes += [
            replace(n, name=f"{n.name}{i}", inputs=_numbered(n.inputs, i), outputs=_numbered(n.outputs, i))
            for n in graph.nodes
        ]
    inputs = tuple(v for i, g in enumerate(graphs) for v in _numbered(g.inputs, i))
    outputs = tuple(v for i, g in enumerate(graphs) for v in _numbered(g.outputs, i))
    return Graph("layers", inputs, outputs, tuple(nodes), types, constants)


def _numbered(values: Sequence[Any], number: int) -> tuple[str, ...]:
    return tuple(f"{value}{number}" for value in values)
