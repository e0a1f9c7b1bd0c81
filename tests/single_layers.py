"""Graphs of one layer with weights, of any geometry."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.ops.activation import Activation
from edgeq.ops.batch_matmul import BatchMatmulAttrs
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.dense import DenseAttrs


@dataclass(frozen=True)
class Scales:
    """Of a layer's input, weights and output, and their zero points."""

    x: float = 0.05
    weights: float = 0.01
    y: float = 0.1
    x_zero: int = 0
    y_zero: int = 0
    weights_zero: int = 0


def layer(
    op: str,
    attrs: Any,
    x: tuple[int, ...],
    weights: Any,
    y: tuple[int, ...],
    bias: Any = None,
    scales: Scales | None = None,
    dtypes: tuple[DType, DType, DType] = (DType.S8, DType.S8, DType.S8),
    factors: Any = None,
) -> Graph:
    """A graph of one node; `bias` counts in steps of the sums, `dtypes` are those of input, weights and output.

    `factors` are those of groups of weights, `[outputs, groups]`.
    """
    s = scales or Scales()
    axis = 3 if op == "depthwise_conv2d" else 0
    channels = weights.shape[axis]
    by_channel = Quant((s.weights,) * channels, (0,) * channels, axis)
    types = {
        "x": TensorType(x, dtypes[0], Quant.per_tensor(s.x, s.x_zero)),
        "w": TensorType(
            weights.shape, dtypes[1], Quant.per_tensor(s.weights, s.weights_zero) if s.weights_zero else by_channel
        ),
        "y": TensorType(y, dtypes[2], Quant.per_tensor(s.y, s.y_zero)),
    }
    constants = {"w": weights.astype(np.int8)}
    if bias is not None:
        step = s.x * s.weights
        sums = DType.S64 if dtypes[0] is DType.S16 else DType.S32
        types["b"] = TensorType(bias.shape, sums, Quant((step,) * channels, (0,) * channels, bias.ndim - 1))
        constants["b"] = bias.astype(sums.numpy)
    operands: tuple[str, ...] = ("x", *constants)
    if factors is not None:
        types["f"] = TensorType(factors.shape, DType.U8)
        constants["f"] = factors.astype(np.uint8)
        operands = ("x", "w", "" if bias is None else "b", "f")
    node = Node("n", op, operands, ("y",), attrs, op)
    return Graph("layer", ("x",), ("y",), (node,), types, constants)


def pointwise(weights: Any, pixels: tuple[int, int] = (1, 2), bias: Any = None, scales: Scales | None = None) -> Graph:
    """A 1x1 convolution with weights `[out_c, in_c]`."""
    out_c, in_c = weights.shape
    filters = weights.reshape(out_c, 1, 1, in_c)
    return layer("conv2d", Conv2dAttrs(), (1, *pixels, in_c), filters, (1, *pixels, out_c), bias, scales)


def dense(weights: Any, rows: int = 1, bias: Any = None, scales: Scales | None = None) -> Graph:
    """A dense layer with weights `[out, in]`."""
    out, features = weights.shape
    return layer("dense", DenseAttrs(), (rows, features), weights, (rows, out), bias, scales)


def side_by_side(graphs: Sequence[Graph]) -> Graph:
    """One graph of independent layers."""
    named = [_renamed(graph, str(i)) for i, graph in enumerate(graphs)]
    return Graph(
        "layers",
        tuple(v for g in named for v in g.inputs),
        tuple(v for g in named for v in g.outputs),
        tuple(n for g in named for n in g.nodes),
        {v: t for g in named for v, t in g.types.items()},
        {v: c for g in named for v, c in g.constants.items()},
    )


def chained(graphs: Sequence[Graph]) -> Graph:
    """One graph of layers, each of which reads what the one before makes; that has the type that the reader wants."""
    whole = side_by_side(graphs)
    joined = dict(zip(whole.inputs[1:], whole.outputs, strict=False))
    nodes = [replace(n, inputs=tuple(joined.get(v, v) for v in n.inputs)) for n in whole.nodes]
    types = {v: t for v, t in whole.types.items() if v not in joined}
    types |= {made: replace(types[made], quant=whole.types[read].quant) for read, made in joined.items()}
    return whole.with_(inputs=whole.inputs[:1], outputs=whole.outputs[-1:], nodes=tuple(nodes), types=types)


def _renamed(graph: Graph, suffix: str) -> Graph:
    """With the suffix at each name."""

    def name(value: str) -> str:
        return value and f"{value}{suffix}"

    nodes = [
        replace(n, name=name(n.name), inputs=tuple(map(name, n.inputs)), outputs=tuple(map(name, n.outputs)))
        for n in graph.nodes
    ]
    return Graph(
        graph.name,
        tuple(map(name, graph.inputs)),
        tuple(map(name, graph.outputs)),
        tuple(nodes),
        {name(v): t for v, t in graph.types.items()},
        {name(v): c for v, c in graph.constants.items()},
    )


def matmul(batch: int, sizes: tuple[int, int, int], *, adj_x: bool, adj_y: bool, scales: Scales | None = None) -> Graph:
    """Products of `rows x depth` and `depth x columns` matrices; the scale of the weights is that of the second."""
    (rows, depth, cols), s = sizes, scales or Scales()
    types = {
        "x": TensorType(
            (batch, depth, rows) if adj_x else (batch, rows, depth), DType.S8, Quant.per_tensor(s.x, s.x_zero)
        ),
        "z": TensorType(
            (batch, cols, depth) if adj_y else (batch, depth, cols), DType.S8, Quant.per_tensor(s.weights, 9)
        ),
        "y": TensorType((batch, rows, cols), DType.S8, Quant.per_tensor(s.y, s.y_zero)),
    }
    node = Node("n", "batch_matmul", ("x", "z"), ("y",), BatchMatmulAttrs(adj_x=adj_x, adj_y=adj_y), "batch_matmul")
    return Graph("layer", ("x", "z"), ("y",), (node,), types, {})


def random_convolution(rng: np.random.Generator, op: str = "conv2d", weights_zero: int = 0) -> Graph:
    """Strides, dilations, paddings, biases per position and clamps as they come; up to 40 channels."""
    depthwise = op == "depthwise_conv2d"
    kernel, stride, dilation = _pair(rng, 5), _pair(rng, 4), _pair(rng, 3)
    top, bottom, left, right = (int(n) for n in rng.integers(0, 4, 4) * (rng.random() < 0.7))
    rows, out_h = _axis(rng, kernel[0], stride[0], dilation[0], top + bottom)
    cols, out_w = _axis(rng, kernel[1], stride[1], dilation[1], left + right)
    batch, in_c, out_c = int(rng.integers(1, 3)), 1 if depthwise else int(rng.integers(1, 41)), int(rng.integers(1, 22))
    attrs = (DepthwiseConv2dAttrs if depthwise else Conv2dAttrs)(
        stride=stride,
        dilation=dilation,
        padding=(top, bottom, left, right),
        activation=Activation(rng.choice([a.value for a in Activation])),
    )
    weights = rng.integers(-127, 128, (1, *kernel, out_c) if depthwise else (out_c, *kernel, in_c))
    bias = rng.integers(-3000, 3000, (out_h, out_w, out_c) if rng.random() < 0.3 else out_c)
    scales = Scales(
        y=0.05 * float(np.sqrt(weights.size / out_c)),
        x_zero=int(rng.integers(-128, 128)),
        y_zero=int(rng.integers(-128, 128)),
        weights_zero=weights_zero,
    )
    return layer(op, attrs, (batch, rows, cols, in_c), weights, (batch, out_h, out_w, out_c), bias, scales)


def _pair(rng: np.random.Generator, end: int) -> tuple[int, int]:
    return int(rng.integers(1, end)), int(rng.integers(1, end))


def _axis(rng: np.random.Generator, kernel: int, stride: int, dilation: int, padding: int) -> tuple[int, int]:
    """Sizes of input and output, of up to 11 and those that the kernel needs."""
    reach = (kernel - 1) * dilation + 1
    least = max(1, reach - padding)
    size = int(rng.integers(least, max(12, least + 1)))
    return size, (size + padding - reach) // stride + 1
