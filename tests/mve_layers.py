"""Graphs of layers at the bounds of the loops of kernels for Arm's MVE."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.ops.activation import Activation
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.dense import DenseAttrs

_X, _Y, _Z = Quant.per_tensor(0.05, -3), Quant.per_tensor(0.04, 7), Quant.per_tensor(0.09, -128)


class Layers:
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


def same(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int, int]:
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


def convolutions() -> Graph:
    """Of _CONVOLUTIONS, with biases per position, and with the largest sums."""
    layers = Layers()
    for n, h, w, c, o, kh, kw, s, d in _CONVOLUTIONS:
        (oh, *rows), (ow, *cols) = same(h, kh, s, d), same(w, kw, s, d)
        relu = Activation.RELU if c % 2 else Activation.NONE
        attrs = Conv2dAttrs((s, s), (d, d), (*rows, *cols), activation=relu)
        layers.filter("conv2d", attrs, (n, h, w, c), layers.weights(o, kh, kw, c), (n, oh, ow, o))
    for h, w, c, o, k in ((5, 6, 8, 4, 1), (6, 5, 3, 9, 3)):
        attrs = Conv2dAttrs(padding=(*same(h, k, 1)[1:], *same(w, k, 1)[1:]))
        bias = layers.rng.integers(-900, 900, (3, 3, o))[_classes(h)][:, _classes(w)]
        layers.filter("conv2d", attrs, (1, h, w, c), layers.weights(o, k, k, c), (1, h, w, o), bias)
    weights = layers.weights(8, 1, 1, 16)
    layers.filter("conv2d", Conv2dAttrs(), (1, 2, 3, 16), weights, (1, 2, 3, 8), largest_bias(weights))
    return layers.graph()


def largest_bias(weights: Any) -> Any:
    """With which sums are just accepted; half of them negative."""
    taps = np.abs(weights.reshape(len(weights), -1)).sum(axis=1)
    bias = 2**30 - 1 - taps.max() * (128 + abs(_X.zero_point[0])) - np.arange(len(weights))
    return bias * (-1) ** np.arange(len(weights))


def depthwise() -> Graph:
    """Of _DEPTHWISE, and with biases per position."""
    layers = Layers()
    for n, h, w, c, kh, kw, s, d in _DEPTHWISE:
        (oh, *rows), (ow, *cols) = same(h, kh, s, d), same(w, kw, s, d)
        attrs = DepthwiseConv2dAttrs((s, s), (d, d), (*rows, *cols))
        layers.filter("depthwise_conv2d", attrs, (n, h, w, c), layers.weights(1, kh, kw, c), (n, oh, ow, c))
    for h, w, c, k in ((6, 7, 5, 3), (5, 9, 4, 5)):
        attrs = DepthwiseConv2dAttrs(padding=(*same(h, k, 1)[1:], *same(w, k, 1)[1:]))
        bias = layers.rng.integers(-900, 900, (3, 3, c))[_classes(h)][:, _classes(w)]
        layers.filter("depthwise_conv2d", attrs, (1, h, w, c), layers.weights(1, k, k, c), (1, h, w, c), bias)
    return layers.graph()


def _classes(size: int) -> Any:
    """The first, the last, and all between."""
    return np.minimum(np.arange(size), 1) + (np.arange(size) == size - 1)


def dense() -> Graph:
    """Up to 3 rows."""
    layers = Layers()
    for rows in (1, 3):
        for c in (1, 16, 20, 80, 97):
            for o in (1, 8, 19):
                weights = layers.weights(o, c)
                bias = largest_bias(weights) if o == 8 else None
                layers.filter("dense", DenseAttrs(), (rows, c), weights, (rows, o), bias)
    return layers.graph()


def random_inputs(graph: Graph) -> Iterator[list[Any]]:
    """Random ones, and the extremes."""
    rng = np.random.default_rng(2)
    shapes = [graph.types[v].shape for v in graph.inputs]
    yield [rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes]
    yield [np.full(shape, -128, np.int8) for shape in shapes]
