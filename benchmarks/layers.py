"""Graphs of single layers of many sizes, side by side: what prices of kernels are fitted to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.ops.activation import Activation
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.pool import AvgPool2dAttrs, MaxPool2dAttrs

_X = Quant.per_tensor(0.05, -3)


@dataclass
class _Layers:
    """Layers side by side, each with an input and an output of the graph."""

    rng: np.random.Generator
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)

    def add(
        self, op: str, attrs: Any, x: tuple[int, ...], weights: tuple[int, ...], axis: int, y: tuple[int, ...]
    ) -> None:
        """One layer with weights and a bias; its outputs use the range of int8."""
        i = len(self.nodes)
        channels = weights[axis]
        taps = int(np.prod(weights)) // channels
        quant = Quant(tuple([0.01] * channels), tuple([0] * channels), axis)
        out = Quant.per_tensor(float(0.05 * 0.01 * 74 * 74 * np.sqrt(taps) / 40), 5)
        self.types |= {
            f"x{i}": TensorType(x, DType.S8, _X),
            f"w{i}": TensorType(weights, DType.S8, quant),
            f"b{i}": TensorType((channels,), DType.S32, Quant(tuple([0.0005] * channels), tuple([0] * channels), 0)),
            f"y{i}": TensorType(y, DType.S8, out),
        }
        self.constants[f"w{i}"] = self.rng.integers(-127, 128, weights).astype(np.int8)
        self.constants[f"b{i}"] = self.rng.integers(-1000, 1000, channels).astype(np.int32)
        self.nodes.append(Node(f"n{i}", op, (f"x{i}", f"w{i}", f"b{i}"), (f"y{i}",), attrs, f"{op} {x} {weights}"))

    def graph(self) -> Graph:
        """All of them."""
        count = range(len(self.nodes))
        return Graph(
            "layers",
            tuple(f"x{i}" for i in count),
            tuple(f"y{i}" for i in count),
            tuple(self.nodes),
            self.types,
            self.constants,
        )


_CONVOLUTIONS: Sequence[tuple[int, int, int, int, int, int]] = (
    # height and width, channels in and out, kernel, stride
    *((hw, c, o, 1, 1, 1) for hw in (3, 8) for c in (8, 16, 31, 64) for o in (4, 10, 24, 64)),
    *(
        (hw, c, o, 3, 3, s)
        for hw in (5, 9, 12)
        for c, o in ((3, 8), (8, 8), (16, 16), (13, 9), (32, 12))
        for s in (1, 2)
    ),
    *((hw, c, c, 3, 3, 1) for hw, c in ((16, 24), (8, 48), (8, 64))),
    *((hw, 1, o, 10, 4, 2) for hw in (12, 20) for o in (8, 33)),
    *((hw, 2, o, 5, 5, 1) for hw in (8, 13) for o in (4, 16)),
)

_DEPTHWISE: Sequence[tuple[int, int, int, int]] = tuple(
    # height and width, channels, kernel, stride
    (hw, c, k, s)
    for hw in (4, 7, 12, 17)
    for c in (4, 7, 16, 32)
    for k, s in ((3, 1), (3, 2), (5, 1))
)


def convolutions(rng: np.random.Generator) -> Graph:
    """With padding SAME."""
    layers = _Layers(rng)
    for i, (hw, c, o, kh, kw, s) in enumerate(_CONVOLUTIONS):
        out = -(-hw // s)
        attrs = Conv2dAttrs((s, s), padding=(*_same(hw, kh, s), *_same(hw, kw, s)), activation=_activation(i))
        layers.add("conv2d", attrs, (1, hw, hw, c), (o, kh, kw, c), 0, (1, out, out, o))
    return layers.graph()


def depthwise_convolutions(rng: np.random.Generator) -> Graph:
    """With padding SAME."""
    layers = _Layers(rng)
    for i, (hw, c, k, s) in enumerate(_DEPTHWISE):
        out = -(-hw // s)
        padding = (*_same(hw, k, s), *_same(hw, k, s))
        attrs = DepthwiseConv2dAttrs((s, s), padding=padding, activation=_activation(i // 3))
        layers.add("depthwise_conv2d", attrs, (1, hw, hw, c), (1, k, k, c), 3, (1, out, out, c))
    return layers.graph()


def _activation(i: int) -> Activation:
    """Some kernels compute layers faster that clamp at 0: mostly so."""
    return Activation.NONE if i % 3 == 0 else Activation.RELU


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Padding before and behind that gives ceil(size / stride) outputs."""
    whole = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return whole // 2, whole - whole // 2


def dense(rng: np.random.Generator) -> Graph:
    """Rows of several lengths."""
    layers = _Layers(rng)
    for rows in (1, 3):
        for c in (8, 20, 64, 130, 320):
            for o in (2, 10, 32, 65):
                layers.add("dense", DenseAttrs(), (rows, c), (o, c), 0, (rows, o))
    return layers.graph()


def elementwise(op: str, attrs: Any) -> Callable[[np.random.Generator], Graph]:
    """Sums or products of equal shapes."""

    def make(_: np.random.Generator) -> Graph:
        layers = _Layers(np.random.default_rng(0))
        for i, size in enumerate((16, 63, 256, 1000)):
            for value, scale in ((f"x{i}", 0.05), (f"z{i}", 0.04), (f"y{i}", 0.07)):
                layers.types[value] = TensorType((1, size), DType.S8, Quant.per_tensor(scale, 4))
            layers.nodes.append(Node(f"n{i}", op, (f"x{i}", f"z{i}"), (f"y{i}",), attrs, op))
        graph = layers.graph()
        return graph.with_(inputs=tuple(v for n in graph.nodes for v in n.inputs))

    return make


def pools(op: str, attrs: type) -> Callable[[np.random.Generator], Graph]:
    """Windows of several sizes."""

    def make(_: np.random.Generator) -> Graph:
        layers = _Layers(np.random.default_rng(0))
        for i, (hw, c, k, s) in enumerate(((8, 16, 2, 2), (9, 7, 3, 2), (8, 64, 8, 8), (6, 33, 3, 1), (12, 12, 12, 1))):
            out = (hw - k) // s + 1
            layers.types[f"x{i}"] = TensorType((1, hw, hw, c), DType.S8, _X)
            layers.types[f"y{i}"] = TensorType((1, out, out, c), DType.S8, _X)
            layers.nodes.append(Node(f"n{i}", op, (f"x{i}",), (f"y{i}",), attrs((k, k), (s, s)), op))
        return layers.graph()

    return make


SAMPLES: Mapping[str, Callable[[np.random.Generator], Graph]] = {
    "conv2d": convolutions,
    "depthwise_conv2d": depthwise_convolutions,
    "dense": dense,
    "add": elementwise("add", ArithmeticAttrs()),
    "avg_pool2d": pools("avg_pool2d", AvgPool2dAttrs),
    "max_pool2d": pools("max_pool2d", MaxPool2dAttrs),
}
"""By op."""


def narrowed(graph: Graph, bits: int) -> Graph:
    """The same layers with weights of 1 to 4 bits."""
    dtype = next(d for d in (DType.S4, DType.S3, DType.S2, DType.B1) if d.bits == bits)
    names = {node.inputs[1] for node in graph.nodes}
    types = {name: replace(t, dtype=dtype) if name in names else t for name, t in graph.types.items()}
    values = {name: _narrow(c, dtype) if name in names else c for name, c in graph.constants.items()}
    return graph.with_(types=types, constants=values)


_GROUP_SIZES = (32, 64, 16, 8)


def grouped(graph: Graph) -> Graph:
    """The same layers with factors for groups of weights, where some of these sizes divide them."""
    types, constants, nodes = dict(graph.types), dict(graph.constants), []
    rng = np.random.default_rng(1)
    for i, node in enumerate(graph.nodes):
        x, weights, bias = node.inputs
        outputs, depth = len(constants[weights]), constants[weights][0].size
        sizes = [size for size in _GROUP_SIZES[i % 2 :] if depth % size == 0]
        if not sizes:
            nodes.append(node)
            continue
        factors = rng.integers(1, 256, (outputs, depth // sizes[0])).astype(np.uint8)
        types[f"f{i}"], constants[f"f{i}"] = TensorType(factors.shape, DType.U8), factors
        for name in (weights, bias):
            quant = types[name].quant
            assert quant is not None
            types[name] = replace(types[name], quant=replace(quant, scale=tuple(s / 128 for s in quant.scale)))
        nodes.append(replace(node, inputs=(x, weights, bias, f"f{i}")))
    return graph.with_(types=types, constants=constants, nodes=tuple(nodes))


def _narrow(weights: Any, dtype: DType) -> Any:
    if dtype is DType.B1:
        return np.where(weights > 0, 1, -1).astype(np.int8)
    return weights >> (8 - dtype.bits)
