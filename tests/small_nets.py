"""Small float nets of the kinds that are deployed, and data for them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from float_graphs import FloatBuilder

from edgeq.evaluate import evaluate
from edgeq.ir import Graph
from edgeq.ir.rewrite import drop_dead
from edgeq.ir.tensor import dequantize
from edgeq.ops.activation import Activation
from edgeq.quantize.columns import Port
from edgeq.quantize.data import CalibrationData, load_calibration
from edgeq.quantize.outputs import measured_values
from edgeq.quantize.quantizer import Quantized
from edgeq.quantize.stream import Noise, Runner, run

_RELU = Activation.RELU


class NetBuilder(FloatBuilder):
    """With layers whose weights keep the power of what they multiply, of very different size per channel."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(np.random.default_rng(seed))

    def scaled(self, fan_in: int, axis: int, *shape: int) -> str:
        """Weights with an output channel for each index of the axis."""
        along = [-1 if d == axis else 1 for d in range(len(shape))]
        sizes = self.rng.lognormal(0, 0.7, shape[axis]).reshape(along) / np.sqrt(fan_in)
        return self.constant((self.rng.standard_t(4, shape) * sizes).astype(np.float32))

    def bias(self, channels: int) -> str:
        return self.constant(self.rng.normal(0, 0.2, channels).astype(np.float32))

    def conv(self, x: str, out: int, size: int = 3, **attributes: Any) -> str:
        channels = self.shape(x)[3]
        weights = self.scaled(size * size * channels, 0, out, size, size, channels)
        pad = size // 2
        return self.node("conv2d", x, weights, self.bias(out), padding=(pad,) * 4, activation=_RELU, **attributes)

    def depthwise(self, x: str) -> str:
        channels = self.shape(x)[3]
        weights = self.scaled(9, 3, 1, 3, 3, channels)
        return self.node("depthwise_conv2d", x, weights, self.bias(channels), padding=(1,) * 4, activation=_RELU)

    def dense(self, x: str, out: int, *, bias: bool = True) -> str:
        size = self.shape(x)[-1]
        return self.node("dense", x, self.scaled(size, 0, out, size), *[self.bias(out)] * bias)

    def flat(self, x: str) -> str:
        return self.reshape(x, 1, self.types[x].size)


def classifier(seed: int = 0) -> Graph:
    """Convolutions, also depthwise, pooling, a dense layer and a softmax."""
    b = NetBuilder(seed)
    x = b.conv(b.input(1, 8, 8, 3), 8)
    x = b.conv(b.depthwise(x), 12, size=1)
    x = b.node("max_pool2d", x, kernel=(2, 2), stride=(2, 2))
    return b.graph(b.node("softmax", b.dense(b.flat(x), 6)))


def residual() -> Graph:
    """Sums of what two paths make, the mean of the image."""
    b = NetBuilder(1)
    x = b.conv(b.input(1, 8, 8, 3), 8)
    for _ in range(2):
        x = b.node("relu", b.node("add", b.conv(b.conv(x, 8), 8), x))
    return b.graph(b.dense(b.node("mean", x, axes=(1, 2)), 6))


def joined() -> Graph:
    """Paths of different range, joined; a transposed convolution."""
    b = NetBuilder(2)
    x = b.input(1, 8, 8, 3)
    a, c = b.conv(x, 4), b.node("tanh", b.conv(x, 4, size=1))
    y = b.node("concat", a, c, b.node("max_pool2d", x, kernel=(3, 3), stride=(1, 1), padding=(1,) * 4), axis=3)
    up = b.node("transpose_conv2d", y, b.scaled(11 * 4, 0, 3, 2, 2, 11), size=(16, 16), stride=(2, 2))
    return b.graph(up)


def attention() -> Graph:
    """Products of values, softmaxes in the midst, a normalization over tokens."""
    b = NetBuilder(3)
    x = b.input(1, 6, 8)
    q, k, v = (b.dense(x, 8) for _ in range(3))
    scores = b.node("batch_matmul", q, b.transpose(k, (0, 2, 1)))
    weights = b.node("softmax", b.node("mul", scores, b.constant(np.array(8**-0.5, np.float32))))
    y = b.node("add", x, b.node("batch_matmul", weights, v))
    off = b.node("sub", y, b.node("mean", y, axes=(2,), keep_dims=True))
    return b.graph(b.dense(b.node("gelu", off), 5))


def gated() -> Graph:
    """Channels multiplied by sigmoids of their means, and values by their own."""
    b = NetBuilder(4)
    x = b.conv(b.input(1, 8, 8, 3), 8)
    gate = b.node("logistic", b.dense(b.node("mean", x, axes=(1, 2)), 8))
    x = b.node("mul", x, b.reshape(gate, 1, 1, 1, 8))
    x = b.node("mul", x, b.node("logistic", x))
    return b.graph(b.dense(b.flat(x), 4))


NETS: dict[str, Callable[[], Graph]] = {
    "classifier": classifier,
    "residual": residual,
    "joined": joined,
    "attention": attention,
    "gated": gated,
}


def samples(graph: Graph, count: int, seed: int = 0) -> list[list[Any]]:
    """Smooth along every axis but the last, of different strength."""
    rng = np.random.default_rng(seed)
    return [[_smooth(rng, graph.types[v].shape) for v in graph.inputs] for _ in range(count)]


def _smooth(rng: np.random.Generator, shape: Sequence[int]) -> Any:
    noise = rng.normal(size=shape)
    for axis in range(1, len(shape) - 1):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, 2, axis)
    return (noise * rng.uniform(0.4, 0.8) + rng.uniform(-0.5, 0.5, shape[-1])).astype(np.float32)


def calibration(graph: Graph, count: int = 48, seed: int = 0) -> CalibrationData:
    """Samples as the quantizer takes them."""
    runs = (dict(zip(graph.inputs, sample, strict=True)) for sample in samples(graph, count, seed))
    return load_calibration(runs, [Port(v, graph.types[v].shape) for v in graph.inputs])


def output_sqnr(made: Quantized, count: int = 64, seed: int = 1) -> float:
    """In dB, of the integer graph's scores from those of the float graph, on samples that nobody has seen."""
    reference, graph = made.reference, made.graph
    (score,) = measured_values(reference)
    (found,) = (v for v in (score, f"{score}.1") if v in graph.types and graph.types[v].quant is not None)
    noise = Noise()
    data = calibration(reference, count, seed)
    values = [run(chunk)[score].reshape(chunk.count, -1) for chunk in Runner(reference).chunks(data)]
    type_ = graph.types[found]
    scores = drop_dead(graph.with_(outputs=(found,)))[0]
    for inputs, wanted in zip(data, np.concatenate(values), strict=True):
        noise.add(wanted, dequantize(evaluate(scores, inputs)[found], type_).reshape(-1))
    return noise.sqnr
