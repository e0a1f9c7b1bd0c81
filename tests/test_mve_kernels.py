"""Kernels for Arm's MVE at the bounds of their loops: in C on this machine, and in assembly on an emulated M55."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import kernel_library
import numpy as np
import pytest
from toolchains import tool

from edgeq.emit import Banner, emit
from edgeq.emulation import emulate
from edgeq.evaluate import evaluate, lower_node
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.kernels import KERNELS, Kernel
from edgeq.ops.activation import Activation
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.pool import AvgPool2dAttrs, MaxPool2dAttrs
from edgeq.program import Program, build_program
from edgeq.select import Machine, Prices
from edgeq.targets import read_target

_M55 = read_target("cortex-m55")
_MVE = [kernel for kernel in KERNELS if kernel.isa == "mve"]
_MODES = [pytest.param(r, id=r.value, marks=[pytest.mark.slow] * (r is not Rounding.DOUBLE)) for r in Rounding]
_X, _Y, _Z = Quant.per_tensor(0.05, -3), Quant.per_tensor(0.04, 7), Quant.per_tensor(0.09, -128)


class _Layers:
    """Layers side by side, each with inputs and an output of its own."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(1)
        self.nodes: list[Node] = []
        self.types: dict[str, TensorType] = {}
        self.constants: dict[str, Any] = {}

    def add(self, op: str, attrs: Any, shapes: Sequence[tuple[int, ...]], result: tuple[int, ...]) -> None:
        """A layer without weights."""
        i = len(self.nodes)
        names = tuple(f"x{i}_{k}" for k in range(len(shapes)))
        quants = (_X, _Y) if len(shapes) > 1 else (_X,)
        self.types |= {n: TensorType(s, DType.S8, q) for n, s, q in zip(names, shapes, quants, strict=True)}
        self.types[f"y{i}"] = TensorType(result, DType.S8, _Z if len(shapes) > 1 else _X)
        self.nodes.append(Node(f"n{i}", op, names, (f"y{i}",), attrs, op))

    def filter(
        self,
        op: str,
        attrs: Any,
        x: tuple[int, ...],
        weights: Any,
        y: tuple[int, ...],
        bias: Any = None,
        out: Quant | None = None,
    ) -> None:
        """A layer with weights, whose outputs use the range of int8."""
        self.add(op, attrs, [x], y)
        i, axis, channels = len(self.nodes) - 1, 3 if op == "depthwise_conv2d" else 0, y[-1]
        # Channels of several scales, so that their shifts differ.
        scales = tuple(0.001 * 2.0 ** (c % 5) for c in range(channels))
        taps = weights.size / channels
        out = out or Quant.per_tensor(float(0.05 * 0.004 * 74 * 74 * np.sqrt(taps) / 40), 5 - (i % 3) * 66)
        bias = self.rng.integers(-1000, 1000, channels) if bias is None else bias
        steps = tuple(0.05 * s for s in scales)
        axis_of_bias = bias.ndim - 1
        self.types |= {
            f"w{i}": TensorType(weights.shape, DType.S8, Quant(scales, (0,) * channels, axis)),
            f"b{i}": TensorType(bias.shape, DType.S32, Quant(steps, (0,) * channels, axis_of_bias)),
            f"y{i}": TensorType(y, DType.S8, out),
        }
        self.constants |= {f"w{i}": weights.astype(np.int8), f"b{i}": bias.astype(np.int32)}
        self.nodes[-1] = replace(self.nodes[-1], inputs=(f"x{i}_0", f"w{i}", f"b{i}"))

    def weights(self, *shape: int) -> Any:
        return self.rng.integers(-128, 128, shape)

    def graph(self) -> Graph:
        inputs = tuple(v for n in self.nodes for v in n.inputs if v not in self.constants)
        outputs = tuple(n.outputs[0] for n in self.nodes)
        return Graph("layers", inputs, outputs, tuple(self.nodes), self.types, self.constants)


def _same(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int, int]:
    """The output size, and padding before and behind."""
    out = -(-size // stride)
    whole = max(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return out, whole // 2, whole - whole // 2


# Batches, height, width, channels in and out, height and width of the kernel, stride, dilation.
_CONVOLUTIONS = (
    *((1, 3, 5, c, o, 1, 1, 1, 1) for c, o in ((1, 1), (8, 4), (15, 5), (16, 16), (17, 7), (48, 8), (64, 64))),
    *((1, 2, 3, c, 9, 1, 1, 1, 1) for c in (33, 79, 80, 96, 97, 144, 160, 255)),
    (2, 5, 6, 20, 12, 1, 1, 2, 1),
    (3, 4, 4, 8, 16, 1, 1, 1, 1),
    *((1, 9, 8, c, 8, 3, 3, s, 1) for c in (1, 3, 5, 16, 20) for s in (1, 2)),
    (1, 12, 10, 1, 9, 10, 4, 2, 1),
    (2, 7, 5, 4, 6, 3, 2, 1, 1),
    (1, 9, 9, 3, 4, 3, 3, 1, 2),
    (2, 8, 11, 17, 5, 2, 3, 2, 2),
    (1, 3, 2, 3, 4, 5, 5, 1, 1),
    (1, 30, 2, 9, 4, 29, 1, 1, 1),
)

# Batches, height, width, channels, height and width of the kernel, stride, dilation.
_DEPTHWISE = (
    *((1, h, w, c, 3, 3, 1, 1) for h, w, c in ((1, 2, 1), (2, 3, 4), (5, 5, 17), (6, 4, 16), (7, 13, 3))),
    (2, 5, 6, 8, 2, 3, 1, 1),
    (2, 3, 7, 33, 1, 3, 1, 1),
    *((1, h, w, c, 3, 3, 2, 1) for h, w, c in ((4, 4, 8), (5, 9, 5), (3, 12, 16), (2, 3, 40))),
    (1, 5, 1, 7, 3, 3, 1, 1),
    (2, 6, 7, 6, 4, 4, 1, 1),
    (1, 9, 8, 5, 5, 5, 1, 1),
    (1, 11, 9, 9, 5, 7, 3, 1),
    (1, 20, 3, 2, 17, 1, 1, 1),
    (1, 9, 9, 4, 3, 3, 1, 2),
    (1, 8, 10, 3, 5, 3, 2, 3),
)


def _convolutions() -> Graph:
    layers = _Layers()
    for n, h, w, c, o, kh, kw, s, d in _CONVOLUTIONS:
        (oh, *rows), (ow, *cols) = _same(h, kh, s, d), _same(w, kw, s, d)
        relu = Activation.RELU if c % 2 else Activation.NONE
        attrs = Conv2dAttrs((s, s), (d, d), (*rows, *cols), activation=relu)
        layers.filter("conv2d", attrs, (n, h, w, c), layers.weights(o, kh, kw, c), (n, oh, ow, o))
    for h, w, c, o, k in ((5, 6, 8, 4, 1), (6, 5, 3, 9, 3)):
        attrs = Conv2dAttrs(padding=(*_same(h, k, 1)[1:], *_same(w, k, 1)[1:]))
        bias = layers.rng.integers(-900, 900, (3, 3, o))[_classes(h)][:, _classes(w)]
        layers.filter("conv2d", attrs, (1, h, w, c), layers.weights(o, k, k, c), (1, h, w, o), bias)
    weights = layers.weights(8, 1, 1, 16)
    layers.filter("conv2d", Conv2dAttrs(), (1, 2, 3, 16), weights, (1, 2, 3, 8), _largest_bias(weights))
    return layers.graph()


def _largest_bias(weights: Any) -> Any:
    """With which sums are just accepted; half of them negative."""
    taps = np.abs(weights.reshape(len(weights), -1)).sum(axis=1)
    bias = 2**30 - 1 - taps.max() * (128 + abs(_X.zero_point[0])) - np.arange(len(weights))
    return bias * (-1) ** np.arange(len(weights))


def _depthwise() -> Graph:
    layers = _Layers()
    for n, h, w, c, kh, kw, s, d in _DEPTHWISE:
        (oh, *rows), (ow, *cols) = _same(h, kh, s, d), _same(w, kw, s, d)
        attrs = DepthwiseConv2dAttrs((s, s), (d, d), (*rows, *cols))
        layers.filter("depthwise_conv2d", attrs, (n, h, w, c), layers.weights(1, kh, kw, c), (n, oh, ow, c))
    for h, w, c, k in ((6, 7, 5, 3), (5, 9, 4, 5)):
        attrs = DepthwiseConv2dAttrs(padding=(*_same(h, k, 1)[1:], *_same(w, k, 1)[1:]))
        bias = layers.rng.integers(-900, 900, (3, 3, c))[_classes(h)][:, _classes(w)]
        layers.filter("depthwise_conv2d", attrs, (1, h, w, c), layers.weights(1, k, k, c), (1, h, w, c), bias)
    return layers.graph()


def _classes(size: int) -> Any:
    """The first, the last, and all between."""
    return np.minimum(np.arange(size), 1) + (np.arange(size) == size - 1)


def _dense() -> Graph:
    layers = _Layers()
    for rows in (1, 3):
        for c in (1, 16, 20, 80, 97):
            for o in (1, 8, 19):
                weights = layers.weights(o, c)
                bias = _largest_bias(weights) if o == 8 else None
                layers.filter("dense", DenseAttrs(), (rows, c), weights, (rows, o), bias)
    return layers.graph()


def _sums() -> Graph:
    layers = _Layers()
    for op in ("add", "sub"):
        for shape in ((1, 3), (2, 8), (3, 21)):
            layers.add(op, ArithmeticAttrs(), [shape, shape], shape)
        layers.add(op, ArithmeticAttrs(), [(4, 1, 6), (1, 3, 6)], (4, 3, 6))
        layers.add(op, ArithmeticAttrs(Activation.RELU6), [(2, 9), (2, 9)], (2, 9))
    return layers.graph()


def _pools() -> Graph:
    layers = _Layers()
    for op, attrs in (("avg_pool2d", AvgPool2dAttrs), ("max_pool2d", MaxPool2dAttrs)):
        for n, h, w, c, k, s in ((2, 6, 5, 1, 2, 1), (1, 7, 7, 8, 3, 2), (1, 5, 15, 17, 5, 1), (1, 15, 17, 33, 15, 1)):
            for padding in ((0, 0, 0, 0), (*_same(h, k, s)[1:], *_same(w, k, s)[1:])):
                out = [(size + sum(padding[2 * i : 2 * i + 2]) - k) // s + 1 for i, size in enumerate((h, w))]
                layers.add(op, attrs((k, k), (s, s), padding), [(n, h, w, c)], (n, *out, c))
    return layers.graph()


def _half_and_more() -> Graph:
    """Layers with channels that are scaled by almost 1, and others by 1/16."""
    layers, out = _Layers(), Quant.per_tensor(0.05 * 0.016 / 0.99, -128)
    weights, bias = layers.rng.integers(-3, 4, (6, 1, 1, 20)), layers.rng.integers(-50, 200, 6)
    layers.filter("conv2d", Conv2dAttrs(), (1, 5, 4, 20), weights, (1, 5, 4, 6), bias, out)
    layers.filter("dense", DenseAttrs(), (3, 20), weights.reshape(6, 20), (3, 6), bias, out)
    for size in (3, 5):
        weights, y = layers.rng.integers(-3, 4, (1, size, size, 6)), (1, 10 - size, 9 - size, 6)
        layers.filter("depthwise_conv2d", DepthwiseConv2dAttrs(), (1, 9, 8, 6), weights, y, bias, out)
    return layers.graph()


_GRAPHS = {"conv2d": _convolutions, "depthwise": _depthwise, "dense": _dense, "sums": _sums, "pools": _pools}


def _program(graph: Graph) -> Program:
    prices = {kernel.name: Prices({}, 0) for kernel in _MVE}
    return build_program(graph, "net", machine=Machine("an M55", _M55.core.isas, prices))


def _inputs(graph: Graph) -> Iterator[list[Any]]:
    """Random ones, and the extremes."""
    rng = np.random.default_rng(2)
    shapes = [graph.types[v].shape for v in graph.inputs]
    yield [rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes]
    yield [np.full(shape, -128, np.int8) for shape in shapes]


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("name", _GRAPHS)
def test_in_c_they_equal_the_evaluation(name: str, mode: Rounding) -> None:
    graph = _GRAPHS[name]().with_(rounding=mode)
    program = _program(graph)
    assert {layer.kernel.isa for layer in program.layers if layer.kernel} == {"mve"}
    for inputs in _inputs(graph):
        values = evaluate(graph, inputs)
        for found, output in zip(kernel_library.run(program, inputs), graph.outputs, strict=True):
            np.testing.assert_array_equal(found, values[output], err_msg=output)


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("name", _GRAPHS)
def test_in_assembly_they_equal_the_evaluation(name: str, mode: Rounding) -> None:
    tool("arm-none-eabi-gcc")
    tool("qemu-system-arm")
    graph = _GRAPHS[name]().with_(rounding=mode)
    program = _program(graph)
    inputs = next(_inputs(graph))
    run = emulate(program, emit(program, Banner("0", "layers", "0", "none")), _M55, inputs)
    values = evaluate(graph, inputs)
    for found, output in zip(run.outputs, graph.outputs, strict=True):
        np.testing.assert_array_equal(found, values[output], err_msg=output)


def test_scales_of_a_half_and_more_where_negative_sums_are_clamped() -> None:
    tool("arm-none-eabi-gcc")
    tool("qemu-system-arm")
    graph = _half_and_more()
    program = _program(graph)
    assert {layer.kernel.isa for layer in program.layers if layer.kernel} == {"mve"}
    (inputs, _) = _inputs(graph)
    run = emulate(program, emit(program, Banner("0", "layers", "0", "none")), _M55, inputs)
    values = evaluate(graph, inputs)
    for i, output in enumerate(graph.outputs):
        for found in (kernel_library.run(program, inputs)[i], run.outputs[i]):
            np.testing.assert_array_equal(found, values[output], err_msg=output)
        middle = np.abs(values[output].astype(int)) < 100
        assert middle.mean() > 0.1


def _params(op: str) -> Any:
    """The integers of a layer that no kernel refuses."""
    layers = _Layers()
    if op == "dense":
        layers.filter(op, DenseAttrs(), (1, 8), layers.weights(4, 8), (1, 4))
    elif op == "conv2d":
        layers.filter(op, Conv2dAttrs(), (1, 4, 4, 8), layers.weights(4, 1, 1, 8), (1, 4, 4, 4))
    else:
        layers.filter(op, DepthwiseConv2dAttrs(), (1, 4, 4, 8), layers.weights(1, 1, 1, 8), (1, 4, 4, 8))
    graph = layers.graph()
    return lower_node(graph, graph.nodes[0])


def _refuses(op: str) -> Callable[[Any], str | None]:
    """That of the kernel for an op."""
    return next(kernel.refuses for kernel in _MVE if kernel.name == f"edgeq_{op}_s8__mve")


@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d", "dense"])
def test_refusals(op: str) -> None:
    params, refuses = _params(op), _refuses(op)
    assert refuses(params) is None
    assert refuses(replace(params, weight_offset=3)) == "the filter has a zero point other than 0; accepted: 0"
    assert "accepted: by less than 2^-1" in (refuses(replace(params, shift=params.shift * 0 + 1)) or "")
    assert "accepted: up to " in (refuses(replace(params, bias=params.bias * 0 + 2**30 - 1)) or "")


def test_refusals_of_groups() -> None:
    grouped = replace(_params("conv2d"), groups=2)
    assert _refuses("conv2d")(grouped) == "2 groups of channels; accepted: 1"
    multiplied = replace(_params("depthwise_conv2d"), in_c=4, groups=4)
    assert _refuses("depthwise_conv2d")(multiplied) == "2 output channels per input channel; accepted: 1"


@pytest.mark.parametrize("kernel", _MVE, ids=lambda k: k.name)
def test_units_are_counted(kernel: Kernel) -> None:
    """What prices are fitted to is there for every kernel, and never negative."""
    found = 0
    for make in _GRAPHS.values():
        for layer in _program(make()).layers:
            if layer.kernel is kernel and kernel.units is not None:
                units = kernel.units(layer.params)
                assert min(units.values()) >= 0
                assert units["call"] >= 1
                found += 1
    assert found
