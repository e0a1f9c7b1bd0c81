"""Random float graphs as importers of channels-first formats make them: transposes around everything that is NHWC.

With what passes on floats look for: batch norms, clamps, pads, functions written out, constants to fold, Q/DQ nodes.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeq.errors import Refusal
from edgeq.evaluate import evaluate_float
from edgeq.ir import DType, Graph, Node, Origin, Quant, Shape, TensorType
from edgeq.ir.verify import verify
from edgeq.ops import OPS
from edgeq.ops.activation import Activation
from edgeq.passes import Pass

_TO_NHWC, _TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)
_QUANT = Quant.per_tensor(0.05, 3)


@dataclass
class FloatBuilder:
    """A graph under construction; `values` are the float values that may be read."""

    rng: np.random.Generator
    types: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)

    def choice(self, options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def pick(self, rank: int = 0) -> str | None:
        fitting = [v for v in self.values if not rank or len(self.shape(v)) == rank]
        if not fitting:
            return None
        return fitting[-1] if self.rng.random() < 0.7 else str(self.choice(fitting))

    def shape(self, value: str) -> Shape:
        return self.types[value].shape

    def declare(self, shape: Shape, dtype: DType = DType.F32, quant: Quant | None = None) -> str:
        name = f"v{len(self.types)}"
        self.types[name] = TensorType(tuple(int(n) for n in shape), dtype, quant)
        return name

    def depends_on_inputs(self, value: str) -> bool:
        node = next((n for n in self.nodes if value in n.outputs), None)
        return value in self.inputs if node is None else any(self.depends_on_inputs(v) for v in node.inputs if v)

    def input(self, *shape: int) -> str:
        self.inputs.append(self.declare(shape))
        self.values.append(self.inputs[-1])
        return self.inputs[-1]

    def constant(self, array: Any, quant: Quant | None = None) -> str:
        array = np.asarray(array)
        name = self.declare(array.shape, DType.of(array.dtype), quant)
        self.constants[name] = array
        return name

    def reals(self, *shape: int) -> str:
        return self.constant((self.rng.standard_normal(shape) + 0.1).astype(np.float32))

    def weights(self, axis: int, *shape: int) -> str:
        """Weights as floats, or as integers per channel behind a `dequantize`."""
        if self.rng.random() < 0.7:
            return self.reals(*shape)
        scales = tuple(float(np.float32(s)) for s in self.rng.uniform(0.01, 0.03, shape[axis]))
        integers = self.rng.integers(-127, 128, shape).astype(np.int8)
        return self.node("dequantize", self.constant(integers, Quant(scales, (0,) * len(scales), axis)))

    def node(
        self, op: str, *inputs: str, dtype: DType = DType.F32, quant: Quant | None = None, **attributes: Any
    ) -> str:
        attrs = OPS[op].attrs(**attributes)
        types = [self.types[v] if v else None for v in inputs]
        output = self.declare(OPS[op].infer(attrs, types)[0], dtype, quant)
        number = len(self.nodes)
        self.nodes.append(Node(f"n{number}", op, inputs, (output,), attrs, f'{op.upper()} #{number} "x"'))
        return output

    def transpose(self, x: str, perm: Any) -> str:
        return self.node("transpose", x, perm=tuple(int(p) for p in perm))

    def reshape(self, x: str, *shape: int) -> str:
        return self.node("reshape", x, shape=tuple(int(n) for n in shape))

    def nhwc(self, op: str, x: str, *others: str, **attributes: Any) -> str:
        """A node on images with channels last, as converters write it for channels first."""
        return self.transpose(self.node(op, self.transpose(x, _TO_NHWC), *others, **attributes), _TO_NCHW)

    def graph(self, *outputs: str) -> Graph:
        origins = {v: Origin(v, i) for i, v in enumerate(self.types)}
        graph = Graph("random", tuple(self.inputs), outputs, tuple(self.nodes), self.types, self.constants, origins)
        verify(graph, OPS)
        return graph


def _conv(b: FloatBuilder, x: str) -> str:
    _, channels, *size = b.shape(x)
    kernel = [min(n, int(b.rng.integers(1, 4))) for n in size]
    padding = tuple(int(n) for n in b.rng.integers(0, 2, 4))
    activation = b.choice([Activation.NONE, Activation.NONE, Activation.RELU])
    depthwise, out = b.rng.random() < 0.4, int(b.rng.integers(1, 6))
    if depthwise:
        out = channels * (1 + out % 2)
        weights = b.transpose(b.weights(0, out, 1, *kernel), (1, 2, 3, 0))
    else:
        weights = b.transpose(b.weights(0, out, channels, *kernel), _TO_NHWC)
    bias = [b.reals(out)] if b.rng.random() < 0.5 else []
    op = "depthwise_conv2d" if depthwise else "conv2d"
    return b.nhwc(op, x, weights, *bias, padding=padding, activation=activation)


def _transpose_conv(b: FloatBuilder, x: str) -> str:
    _, channels, height, width = b.shape(x)
    weights = b.transpose(b.weights(1, channels, 3, 2, 2), (1, 2, 3, 0))
    return b.nhwc("transpose_conv2d", x, weights, size=(height * 2, width * 2), stride=(2, 2))


def _batch_norm(b: FloatBuilder, x: str) -> str:
    shape = (b.shape(x)[1], *(1 for _ in b.shape(x)[2:]))
    y = b.node("mul", x, b.reals(*shape))
    order = [y, b.reals(*shape)][:: b.choice([1, -1])]
    return b.node(b.choice(["add", "add", "sub"]), *order)


def _pool(b: FloatBuilder, x: str) -> str:
    _, _, height, width = b.shape(x)
    kernel = b.choice([(height, width), (min(2, height), min(2, width))])
    return b.nhwc(b.choice(["avg_pool2d", "max_pool2d"]), x, kernel=kernel)


def _unary(b: FloatBuilder, x: str) -> str:
    return b.node(b.choice(["relu", "relu6", "logistic", "neg", "tanh", "abs"]), x)


def _clamp(b: FloatBuilder, x: str) -> str:
    number = b.constant(np.full(b.choice([(), (1,), (1, 1)]), b.choice([0, 6, 0.3]), np.float32))
    y = b.node(b.choice(["maximum", "minimum"]), *[x, number][:: b.choice([1, -1])])
    return b.node("clip", y, low=-1.0, high=1.0) if b.rng.random() < 0.5 else y


def _written_out(b: FloatBuilder, x: str) -> str:
    """A function that has an op of its own, as it is written where it has none."""

    def number(value: float) -> str:
        return b.constant(np.array(value, np.float32))

    match b.rng.integers(4):
        case 0:
            return b.node("mul", x, b.node("logistic", x))
        case 1:
            gate = b.node("clip", b.node("add", x, number(3)), low=0.0, high=6.0)
            return b.node("mul", b.node("mul", x, gate), number(1 / 6))
        case 2:
            return b.node("mul", x, b.node("tanh", b.node("softplus", x)))
        case _:
            gate = b.node("add", b.node("erf", b.node("mul", x, number(0.5**0.5))), number(1))
            return b.node("mul", b.node("mul", x, gate), number(0.5))


def _arithmetic(b: FloatBuilder, x: str) -> str:
    rank, shape = len(b.shape(x)), b.shape(x)
    like = [v for v in b.values if b.shape(v) == shape]
    constant = tuple(n if b.rng.random() < 0.5 else 1 for n in shape)[int(b.rng.integers(rank)) :]
    other = b.choice(like) if b.rng.random() < 0.5 else b.reals(*constant)
    op = b.choice(["add", "mul", "sub", "maximum", "prelu"])
    return b.node(op, *[x, other][:: 1 if op == "prelu" else b.choice([1, -1])])


def _gate(b: FloatBuilder, x: str) -> str:
    """A factor per channel, made from the means of the channels."""
    _, channels, *size = b.shape(x)
    keep = bool(b.choice([True, False]))
    means = b.node("mean", x, axes=(2, 3), keep_dims=keep) if len(size) == 2 else b.node("mean", x, axes=(2,))
    gate = b.node("dense", b.reshape(means, 1, channels), b.weights(0, channels, channels))
    return b.node("mul", x, b.reshape(b.node("logistic", gate), 1, channels, *(1 for _ in size)))


def _concat(b: FloatBuilder, x: str) -> str:
    like = [v for v in b.values if b.shape(v) == b.shape(x)]
    return b.node("concat", x, b.choice(like), axis=int(b.rng.integers(len(b.shape(x)))) if b.rng.random() < 0.3 else 1)


def _border(b: FloatBuilder, x: str) -> str:
    rank = len(b.shape(x))
    before, after = ((0, 0, *(int(n) for n in b.rng.integers(0, 3, rank - 2))) for _ in "ab")
    if b.rng.random() < 0.3 and min(b.shape(x)[2:]) > 2:
        return b.node("mirror_pad", x, before=before, after=after, reflect=True)
    value = [b.constant(np.array(b.choice([0.0, 0.0, 0.5]), np.float32))] if b.rng.random() < 0.5 else []
    return b.node("pad", x, *value, before=before, after=after)


def _slice(b: FloatBuilder, x: str) -> str:
    shape = b.shape(x)
    begin = tuple(int(b.rng.integers(n)) if b.rng.random() < 0.3 else 0 for n in shape)
    size = tuple(n - a for n, a in zip(shape, begin, strict=True))
    return b.node("slice", x, begin=begin, size=size, stride=(1,) * len(shape))


def _reduce(b: FloatBuilder, x: str) -> str:
    rank = len(b.shape(x))
    axes = tuple(sorted({int(a) for a in b.rng.integers(1, rank, 2)})) if rank > 1 else (0,)
    return b.node(b.choice(["mean", "sum", "reduce_max"]), x, axes=axes, keep_dims=bool(b.choice([True, False])))


def _softmax(b: FloatBuilder, x: str) -> str:
    axis, rank = int(b.rng.integers(len(b.shape(x)))), len(b.shape(x))
    perm = [*(d for d in range(rank) if d != axis), axis]
    return b.transpose(b.node("softmax", b.transpose(x, perm)), np.argsort(perm))


def _arg_max(b: FloatBuilder, x: str) -> str:
    return b.node("arg_max", x, axis=1)


def _gather(b: FloatBuilder, x: str) -> str:
    axis = int(b.rng.integers(len(b.shape(x))))
    indices = b.rng.integers(0, b.shape(x)[axis], b.choice([(), (2,)])).astype(np.int32)
    return b.node("gather", x, b.constant(indices), axis=axis)


def _resize(b: FloatBuilder, x: str) -> str:
    size = tuple(min(2 * n, 8) for n in b.shape(x)[2:])
    return b.nhwc(b.choice(["resize_nearest", "resize_bilinear"]), x, size=size)


def _flatten(b: FloatBuilder, x: str) -> str:
    count = b.types[x].size
    flat = b.reshape(x, 1, count)
    if b.rng.random() < 0.3:
        flat = b.node("relu", b.node("add", flat, b.reals(count)))
    return b.node("dense", flat, b.weights(0, 4, count))


def _regroup(b: FloatBuilder, x: str) -> str:
    """A reshape that joins or splits dimensions."""
    batch, *rest = b.shape(x)
    if len(rest) == 3:
        channels, height, width = rest
        shuffled = b.transpose(b.reshape(x, batch, 1, channels, height, width), (0, 2, 1, 3, 4))
        return b.choice([b.reshape(x, batch, channels, height * width), b.reshape(shuffled, *b.shape(x))])
    return b.reshape(x, batch, *rest, 1) if len(rest) < 3 else x


def _matmul(b: FloatBuilder, x: str) -> str:
    rank = len(b.shape(x))
    if rank < 2:
        return x
    perm = (*range(rank - 2), rank - 1, rank - 2)
    return b.node("batch_matmul", x, b.transpose(x, perm))


def _transpose(b: FloatBuilder, x: str) -> str:
    return b.transpose(x, (0, *(1 + b.rng.permutation(len(b.shape(x)) - 1)))) if len(b.shape(x)) > 1 else x


def _quantized(b: FloatBuilder, x: str) -> str:
    if not b.depends_on_inputs(x):
        return x  # constants would be rounded
    return b.node("dequantize", b.node("quantize", x, dtype=DType.S8, quant=_QUANT))


def _constants(b: FloatBuilder, _: str) -> str:
    return b.node("add", b.reals(1, 3, 1, 1), b.reals(3, 1, 1))


Step = Callable[[FloatBuilder, str], str]

FOR_IMAGES: tuple[Step, ...] = (_conv, _conv, _transpose_conv, _pool, _resize, _border, _gate, _batch_norm, _batch_norm)
FOR_ALL: tuple[Step, ...] = (
    *(_unary, _clamp, _written_out, _arithmetic, _concat, _slice, _reduce, _softmax, _arg_max, _gather, _flatten),
    *(_regroup, _matmul, _transpose, _quantized, _constants),
)
_STEPS = (*FOR_IMAGES, *FOR_ALL)
CONTINUOUS = tuple(step for step in _STEPS if step is not _arg_max)
"""Those whose outputs hardly change where their inputs do."""


def random_float_graph(seed: int, count: int, steps: Sequence[Step] = _STEPS) -> Graph:
    """A graph of so many steps over one or two images with channels first, with up to three outputs."""
    b = FloatBuilder(np.random.default_rng(seed))
    for _ in range(int(b.rng.integers(1, 3))):
        b.input(1, *(int(n) for n in b.rng.integers(1, 5, 3)))
    for _ in range(count):
        step = b.choice(steps)
        x = b.pick(4 if step in FOR_IMAGES else 0)
        if x is not None and (b.shape(x) or step is _unary):
            with suppress(Refusal):  # not every step fits every shape
                y = step(b, x)
                b.values += [y] if b.types[y].size <= 2000 and y not in b.values else []
    computed = [v for v in b.values if v not in b.inputs]
    chosen = {str(b.choice(b.values)) for _ in range(int(b.rng.integers(3)))} | {(computed or b.inputs)[-1]}
    return b.graph(*sorted(chosen))


def float_inputs(graph: Graph, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(graph.types[v].shape).astype(np.float32) * 3 for v in graph.inputs]


def require_same_reals(before: Graph, after: Graph, seed: int = 0, tolerance: float = 2e-4) -> None:
    """The two graphs compute the same, where the second may have ports in another order of dimensions."""
    inputs = float_inputs(before, seed)
    pairs = zip(inputs, before.inputs, after.inputs, strict=True)
    theirs = evaluate_float(before, inputs)
    ours = evaluate_float(after, [_ordered(x, before, b, after, a) for x, b, a in pairs])
    for b, a in zip(before.outputs, after.outputs, strict=True):
        wanted = _ordered(theirs[b], before, b, after, a)
        scale = max(float(np.abs(wanted).max(initial=0)), 1.0)
        if not np.isfinite(scale):
            continue
        assert ours[a].shape == wanted.shape
        np.testing.assert_allclose(ours[a], wanted, rtol=tolerance, atol=tolerance * scale, err_msg=f"%{b}, now %{a}")


def _ordered(x: Any, before: Graph, old: str, after: Graph, new: str) -> Any:
    """An array of an old port, in the order in which the new one has its dimensions."""
    origin, earlier = after.origins.get(new), before.origins.get(old)
    if origin is None or origin.perm is None or (earlier is not None and earlier.perm == origin.perm):
        return x
    return x.transpose(origin.perm)


def run_float_pass(step: Pass, graph: Graph, seeds: tuple[int, ...] = (0, 1)) -> tuple[Graph, Any]:
    """Run a pass on a float graph; the result is valid, computes the same reals, and bears no more of the same."""
    after, changes = step.run(graph)
    verify(after, OPS)
    says, does = bool(changes), bool(after != graph)
    assert says == does, "a pass says what it does, and only that"
    for seed in seeds:
        require_same_reals(graph, after, seed)
    again = step.run(after)[1]
    assert not again, f"once is enough, but: {again}"
    return after, changes
