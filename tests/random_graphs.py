"""Random graphs full of what passes look for: no-ops, moves in a row, pads before convolutions, clamps, zeros.

Values are int8 or int16, with layers and requantizes from one to the other.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph, Node, Quant, Shape, TensorType
from edgeq.ir.verify import verify
from edgeq.ops import OPS
from edgeq.ops.activation import Activation

# Few, so that neighbours often share one.
_QUANTS = {
    DType.S8: [Quant.per_tensor(0.05, -128), Quant.per_tensor(0.05, 3), Quant.per_tensor(0.2, 3)],
    DType.S16: [Quant.per_tensor(0.0003, 0), Quant.per_tensor(0.0008, 0)],
}
_WIDTHS = tuple(_QUANTS)
_U8 = Quant.per_tensor(0.05, 131)


@dataclass
class _Builder:
    """A graph under construction; `pick` chooses among its integers, constants included, the newest most often."""

    rng: np.random.Generator
    types: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    def choice(self, options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def pick(self, *, images: bool = False) -> str:
        fitting = [v for v in self.values if len(self.shape(v)) == 4 or not images]
        return fitting[-1] if self.rng.random() < 0.7 else str(self.choice(fitting))

    def shape(self, value: str) -> Shape:
        return self.types[value].shape

    def dtype(self, value: str) -> DType:
        return self.types[value].dtype

    def quant(self, value: str) -> Quant:
        """Any that a value of the same width may have."""
        return self.choice(_QUANTS[self.dtype(value)])

    def width(self) -> DType:
        return self.choice([DType.S8, *_WIDTHS])

    def declare(self, shape: Shape, dtype: DType, quant: Quant | None) -> str:
        name = f"v{len(self.types)}"
        self.types[name] = TensorType(shape, dtype, quant)
        return name

    def constant(self, array: Any, quant: Quant) -> str:
        name = self.declare(array.shape, DType.of(array.dtype), quant)
        self.constants[name] = array
        return name

    def node(self, op: str, inputs: list[str], quant: Quant | None, dtype: DType | None = None, **attrs: Any) -> str:
        """A node whose output has the width of the first input, if none is given."""
        dtype = dtype or self.dtype(inputs[0])
        attributes = OPS[op].attrs(**attrs)
        types = [self.types[v] if v else None for v in inputs]
        output = self.declare(OPS[op].infer(attributes, types)[0], dtype, quant)
        self.nodes.append(
            Node(
                f"n{len(self.nodes)}", op, tuple(inputs), (output,), attributes, f'{op.upper()} #{len(self.nodes)} "x"'
            )
        )
        if dtype in _QUANTS:
            self.values.append(output)
        return output

    def same(self, op: str, value: str, **attrs: Any) -> str:
        """A node that keeps scale and zero point."""
        return self.node(op, [value], self.types[value].quant, **attrs)


def _input(b: _Builder) -> str:
    width, shape = b.width(), tuple(int(n) for n in b.rng.integers(1, 5, 4))
    quant = b.choice(_QUANTS[width])
    match b.rng.integers(4):
        case 0:
            port = b.declare(shape, DType.F32, None)
            b.node("quantize", [port], quant, width)
        case 1:
            port = b.declare(shape, DType.U8, _U8)
            b.node("requantize", [port], _QUANTS[DType.S8][1], DType.S8)
        case _:
            port = b.declare(shape, width, quant)
            b.values.append(port)
    return port


def _unary(b: _Builder) -> None:
    x = b.pick()
    quant = b.types[x].quant if b.rng.random() < 0.7 else b.quant(x)
    b.node(b.choice(["relu", "relu6", "relu_n1_to_1", "neg", "abs", "requantize"]), [x], quant)


def _requantize(b: _Builder) -> None:
    width = b.width()
    b.node("requantize", [b.pick()], b.choice(_QUANTS[width]), width)


def _reshape(b: _Builder) -> None:
    x = b.pick()
    shape = b.shape(x)
    other = (shape[0] * shape[1], 1, *shape[2:]) if len(shape) > 1 else shape
    b.same("reshape", x, shape=b.choice([shape, other, shape[::-1]]))


def _transpose(b: _Builder) -> None:
    x = b.pick()
    perm = tuple(int(p) for p in b.rng.permutation(len(b.shape(x))))
    y = b.same("transpose", x, perm=perm)
    if b.rng.random() < 0.5:
        b.same("transpose", y, perm=tuple(int(p) for p in np.argsort(perm)))


def _slice(b: _Builder) -> None:
    x = b.pick()
    begin = [int(b.rng.integers(n)) if b.rng.random() < 0.3 else 0 for n in b.shape(x)]
    size = tuple(n - a for n, a in zip(b.shape(x), begin, strict=True))
    b.same("slice", x, begin=tuple(begin), size=size, stride=(1,) * len(size))


def _concat(b: _Builder) -> None:
    x = b.pick()
    count, axis = int(b.rng.integers(1, 3)), int(b.rng.integers(len(b.shape(x))))
    b.node("concat", [x] * count, b.types[x].quant, axis=axis)


def _pad(b: _Builder) -> str:
    x = b.pick(images=True)
    quant = b.types[x].quant
    assert quant is not None
    before, after = (tuple(int(n) for n in b.rng.integers(0, 3, 4) * [b.rng.random() < 0.2, 1, 1, 0]) for _ in "ab")
    inputs = [x]
    if b.rng.random() < 0.5:
        inputs.append(b.constant(np.array(b.choice([quant.zero_point[0], 7]), b.dtype(x).numpy), quant))
    return b.node("pad", inputs, quant, before=before, after=after)


def _conv(b: _Builder) -> None:
    x = _pad(b) if b.rng.random() < 0.5 else b.pick(images=True)
    in_c, out_c, depthwise = b.shape(x)[3], int(b.rng.integers(1, 5)), b.rng.random() < 0.4
    kernel = [min(n, int(b.rng.integers(1, 4))) for n in b.shape(x)[1:3]]
    shape = (1, *kernel, in_c * (1 + out_c % 2)) if depthwise else (out_c, *kernel, in_c)
    weights = b.rng.integers(-127, 128, shape) * (b.rng.random(shape) < b.choice([0.1, 1.0]))
    inputs = [x, b.constant(weights.astype(np.int8), Quant.per_tensor(0.02, 0))]
    if b.rng.random() < 0.5:
        bias = b.rng.integers(-500, 500, shape[3] if depthwise else out_c)
        dtype = np.int64 if b.dtype(x) is DType.S16 else np.int32
        inputs.append(b.constant(bias.astype(dtype), Quant.per_tensor(0.001, 0)))
    op = "depthwise_conv2d" if depthwise else "conv2d"
    padding = tuple(int(n) for n in b.rng.integers(0, 2, 4))
    width = b.width()
    b.node(op, inputs, b.choice(_QUANTS[width]), width, padding=padding, activation=b.choice(list(Activation)))


def _pool(b: _Builder) -> None:
    x = b.pick(images=True)
    kernel = tuple(min(n, 2) for n in b.shape(x)[1:3])
    op = b.choice(["max_pool2d", "avg_pool2d"])
    quant = b.types[x].quant if op == "max_pool2d" or b.rng.random() < 0.5 else b.quant(x)
    padding = tuple(int(n) for n in b.rng.integers(0, 2, 4) * np.repeat([n > 1 for n in kernel], 2))
    b.node(op, [x], quant, kernel=kernel, padding=padding, activation=b.choice(list(Activation)))


def _arithmetic(b: _Builder) -> None:
    x = b.pick()
    array = b.rng.integers(*b.dtype(x).range, b.shape(x)[-1:], endpoint=True).astype(b.dtype(x).numpy)
    other = b.constant(array, b.quant(x))
    b.values.append(other)
    if b.rng.random() < 0.5:
        other = b.node("requantize", [other], b.quant(x))
    b.node(b.choice(["add", "mul"]), [x, other], b.quant(x), activation=b.choice(list(Activation)))


_FOR_IMAGES = (_pad, _conv, _pool)
_FOR_ALL: tuple[Callable[[_Builder], object], ...] = (
    *(_unary, _requantize, _reshape, _transpose, _slice, _concat, _arithmetic),
)


def _output(b: _Builder, value: str) -> str:
    match b.rng.integers(4):
        case 0:
            return b.node("dequantize", [value], None, DType.F32)
        case 1 if b.types[value].quant == _QUANTS[DType.S8][1]:
            return b.node("requantize", [value], _U8, DType.U8)
        case _:
            return value


@st.composite
def random_graphs(draw: st.DrawFn) -> Graph:
    """A graph of 1 to 14 steps over one or two inputs of rank 4, with up to three outputs."""
    b = _Builder(np.random.default_rng(draw(st.integers(0, 2**32 - 1))))
    inputs = [_input(b) for _ in range(draw(st.integers(1, 2)))]
    for number in draw(st.lists(st.integers(0, len(_FOR_ALL) + len(_FOR_IMAGES) - 1), min_size=1, max_size=14)):
        (*_FOR_ALL, *_FOR_IMAGES)[number](b)
    computed = [v for v in b.values if v not in b.constants and v not in inputs]
    chosen = {computed[-1], *(str(b.choice(computed)) for _ in range(draw(st.integers(0, 2))))}
    outputs = [_output(b, v) for v in sorted(chosen)]
    graph = Graph("random", tuple(inputs), tuple(outputs), tuple(b.nodes), b.types, b.constants)
    graph = graph.with_(rounding=b.choice(list(Rounding)))
    verify(graph, OPS)
    return graph
