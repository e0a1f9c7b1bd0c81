"""Chooses the integers of all weights, layer after layer, each on what the layers quantized before it make of the data.

The float net and the quantized one run side by side. At a layer, the second moment of its quantized inputs says what
an error of each weight costs (GPTQ); its bias then takes up what is left of the mean error.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.rewrite import add_constant, drop_dead
from edgeq.ops import OPS
from edgeq.quantize import gptq, weights
from edgeq.quantize.bias_correction import corrected_bias, mean_outputs
from edgeq.quantize.data import CalibrationData
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.layer_statistics import LayerStatistics, Moments, statistics
from edgeq.quantize.layers import Layer, layer_of
from edgeq.quantize.scheme import WEIGHTS, Choice, Scheme
from edgeq.quantize.stream import Chunk, Noise, Runner, fake_quantize

_PROPAGATION, _NARROW_PROPAGATION = 4.0, 0.1
"""Damping of `propagated_target`: what arrives wrong is undone along the few strongest directions of a layer's inputs,
which is all that a hundred samples tell of it. Gains 0.3 dB at 8 bits on average over five nets; much less damping
fits the samples, 0.1 loses 0.3 dB of kws. Weights of less than 8 bits leave more to be undone."""

_NARROW = ("conv2d", "depthwise_conv2d", "dense")
"""Ops that have kernels for weights of less than 8 bits."""

_FEW_SAMPLES = 30
"""With less, only little is undone."""

_BIAS_ROOM = 1.25
"""A bias may grow by that factor when it is corrected."""

_MEMORY = 1 << 28
"""Elements of the activations that both nets may hold at one time: 1 GiB."""

_BIAS64 = 1 << 46
"""Steps of a bias of 64 bits, so that it and the sums stay well inside."""

_LEAST_FACTOR = 2.0**-30
"""From sums to outputs: kernels multiply by less than 2**-31 as by 0, and a bias beside tiny inputs would be lost."""


@dataclass(frozen=True)
class LayerFit:
    """How well the weights of a layer were rounded.

    Attributes:
        node: the layer.
        method: "gptq", "nearest", or "given" by the file.
        sqnr: of the weights, in dB.
    """

    node: str
    method: str
    sqnr: float


@dataclass
class _State:
    """One chunk of samples on its way through both nets."""

    chunk: Chunk
    floats: dict[str, Array] = field(default_factory=dict)
    rounded: dict[str, Array] = field(default_factory=dict)


@dataclass
class Fitted:
    """What was found: the graph with its new biases, encodings and integers of weights, a line per layer."""

    graph: Graph
    encodings: Encodings
    layers: tuple[LayerFit, ...]


def fit_weights(
    runner: Runner, data: CalibrationData | None, encodings: Encodings, scheme: Scheme, done: Callable[[], None]
) -> Fitted:
    """Choose the integers of every weight that has none yet.

    Args:
        runner: of the float graph.
        data: samples; None: weights are rounded to nearest and biases kept.
        encodings: of every activation, and of constants whose integers are known.
        scheme: how.
        done: is called after each layer.
    """
    return _Fitter(runner, encodings, scheme).run(_enough(runner, data), done)


def _enough(runner: Runner, data: CalibrationData | None) -> CalibrationData | None:
    """As many samples as both nets have memory for."""
    if data is None:
        return None
    live = max((t.size for t in runner.graph.types.values()), default=1) * 6
    most = max(1, _MEMORY // live)
    return data if len(data) <= most else data.split(most)[0]


def _edges(graph: Graph) -> set[str]:
    """Layers that no other layer comes before, or none behind."""
    layers = {node.name for node in graph.nodes if layer_of(graph, node) is not None}
    forward = [(node.name, node.inputs, node.outputs) for node in graph.nodes]
    backward = [(name, outputs, inputs) for name, inputs, outputs in reversed(forward)]
    return _unreached(forward, layers) | _unreached(backward, layers)


def _unreached(steps: Iterable[tuple[str, Sequence[str], Sequence[str]]], layers: set[str]) -> set[str]:
    """Layers among steps (name, from, to) that no other one leads to."""
    led_to: set[str] = set()
    found = set()
    for name, sources, targets in steps:
        reached = not led_to.isdisjoint(sources)
        if name in layers and not reached:
            found.add(name)
        if name in layers or reached:
            led_to.update(targets)
    return found


class _Fitter:
    def __init__(self, runner: Runner, encodings: Encodings, scheme: Scheme) -> None:
        self._runner = runner
        self._graph = runner.graph
        self._scheme = scheme
        self._values = dict(encodings.values)
        self._integers = dict(encodings.integers)
        self._readings = encodings.readings
        self._reals: dict[str, Array] = {}
        self._biases: dict[str, Array] = {}
        self._edges = _edges(runner.graph)
        self._samples = 0
        self._positions = {node.name: n for n, node in enumerate(runner.graph.nodes)}
        self._fits: list[LayerFit] = []

    def run(self, data: CalibrationData | None, done: Callable[[], None]) -> Fitted:
        source = self._runner.graph
        states = [self._start(chunk) for chunk in self._runner.chunks(data)] if data is not None else []
        self._samples = sum(state.chunk.count for state in states)
        last_use = {v: n for n, node in enumerate(source.nodes) for v in node.inputs if v}
        for number, node in enumerate(source.nodes):
            self._round_constants(node)
            layer = layer_of(source, node)
            # What has no encoding is refused, with all else, when encodings are applied.
            if layer is not None and {node.inputs[0], node.outputs[0]} <= self._values.keys():
                self._layer(node, layer, states)
                done()
            for state in states:
                self._step(node, state)
                for value in dict.fromkeys(node.inputs):
                    if last_use.get(value) == number:
                        state.floats.pop(value, None)
                        state.rounded.pop(value, None)
        return Fitted(self._with_biases(), Encodings(self._values, self._integers, self._readings), tuple(self._fits))

    def _start(self, chunk: Chunk) -> _State:
        state = _State(chunk)
        for name, x in zip(chunk.graph.inputs, chunk.inputs, strict=True):
            state.floats[name] = x
            state.rounded[name] = self._through(name, x)
        return state

    def _through(self, name: str, array: Array) -> Array:
        encoding = self._values.get(name)
        return array if encoding is None else fake_quantize(array, encoding)

    def _round_constants(self, node: Node) -> None:
        """Constants that are neither weights nor biases stand beside activations and are rounded as those."""
        for value in node.inputs:
            if value in self._graph.constants and value in self._values and value not in self._reals:
                encoding = self._values[value]
                if encoding.quant.axis is None and encoding.dtype in (DType.S8, DType.S16):
                    self._reals[value] = fake_quantize(self._graph.constants[value], encoding)

    def _step(self, node: Node, state: _State) -> None:
        """Run the node in both nets."""
        graph = state.chunk.graph
        twin = graph.nodes[self._positions[node.name]]
        constants = graph.constants
        chosen = {**constants, **self._reals}
        arguments = [(constants[v] if v in constants else state.floats[v]) if v else None for v in twin.inputs]
        rounded = [(chosen[v] if v in constants else state.rounded[v]) if v else None for v in twin.inputs]
        if node.name in self._biases:
            rounded[2:] = [self._biases[node.name]]
        types = graph.output_types(twin)
        for name, result, type_ in zip(
            twin.outputs, OPS[twin.op].eval_float(twin.attrs, arguments), types, strict=True
        ):
            state.floats[name] = result.reshape(type_.shape)
        for name, result, type_ in zip(twin.outputs, OPS[twin.op].eval_float(twin.attrs, rounded), types, strict=True):
            state.rounded[name] = self._through(name, result.reshape(type_.shape))

    # One layer

    def _layer(self, node: Node, layer: Layer, states: Sequence[_State]) -> None:
        name = node.inputs[1]
        matrix = layer.matrix(self._graph.constants[name].astype(np.float64))
        choice = self._scheme.of(self._graph, node.outputs[0], edge=node.name in self._edges)
        given = name in self._integers
        seen = self._seen(node, layer, states, moments=choice.weight_rounding == "gptq" and not given)
        if given:
            rounded, method = matrix, "given"
        else:
            moments = seen.moments if seen is not None else None
            rounded, method = self._choose(node, layer, matrix, moments, choice), "gptq" if moments else "nearest"
        noise = Noise()
        noise.add(matrix, rounded)
        self._fits.append(LayerFit(node.name, method, noise.sqnr))
        self._reals[name] = np.asarray(layer.weights(rounded), np.float32)
        if self._scheme.bias_correction and seen is not None and not self._has_given_bias(node):
            sums = mean_outputs(matrix, seen.floats), mean_outputs(rounded, seen.rounded)
            bias = self._bias(node)
            before = np.zeros(len(sums[0])) if bias is None else bias.astype(np.float64).reshape(-1)
            self._biases[node.name] = corrected_bias(before, *sums).astype(np.float32)

    def _seen(self, node: Node, layer: Layer, states: Sequence[_State], *, moments: bool) -> LayerStatistics | None:
        """What the layer meets; None without data, or where nothing would be made of it."""
        if not states or not (moments or self._scheme.bias_correction):
            return None
        groups, out, _ = layer.matrix_shape
        outputs = self._graph.types[node.outputs[0]].size * sum(state.chunk.count for state in states)
        inputs = ((state.floats[node.inputs[0]], state.rounded[node.inputs[0]]) for state in states)
        return statistics(layer, inputs, outputs // (groups * out), moments=moments)

    def _choose(self, node: Node, layer: Layer, matrix: Array, moments: Moments | None, choice: Choice) -> Array:
        """Choose integers and scales, note them, and return the reals that they stand for."""
        per_channel = not choice.per_tensor
        bits, dtype = WEIGHTS[choice.weights if node.op in _NARROW else "int8"]
        lowest = self._lowest(node, matrix)
        target = matrix
        if moments is not None:
            damping = _NARROW_PROPAGATION if bits < 8 and self._samples >= _FEW_SAMPLES else _PROPAGATION
            target = gptq.propagated_target(matrix, moments.hessian, moments.cross, damping)
        scales = self._scales(target, bits, moments, choice)
        scales = np.maximum(scales, lowest if per_channel else lowest.max())
        if moments is None:
            integers = weights.round_to(target, scales, bits)
        else:
            integers, scales = gptq.fit(target, moments.hessian, scales, bits, per_channel=per_channel, lowest=lowest)
        name, flat = node.inputs[1], tuple(float(s) for s in scales.reshape(-1))
        self._values[name] = Encoding(dtype, Quant(flat, (0,) * len(flat), layer.axis))
        self._integers[name] = np.ascontiguousarray(layer.weights(integers))
        return np.asarray(integers * scales[..., None].astype(np.float64))

    def _scales(self, target: Array, bits: int, moments: Moments | None, choice: Choice) -> weights.Scales:
        """To round from: of few bits those with the least error of the outputs."""
        found, hessian = weights.WeightRange.MINMAX, None
        if choice.weight_rounding == "gptq" or bits < 8:
            found = weights.WeightRange.MSE
        if moments is not None and bits < 8:
            found, hessian = weights.WeightRange.HESSIAN, gptq.damped(moments.hessian)
        return weights.choose_scales(target, bits, per_channel=not choice.per_tensor, method=found, hessian=hessian)

    def _lowest(self, node: Node, matrix: Array) -> weights.Scales:
        """Scales below which the bias would not fit its integers, or a sum would be multiplied by nothing."""
        x, output = self._values[node.inputs[0]], self._values[node.outputs[0]]
        wide = x.dtype is output.dtype is DType.S16
        bias = self._bias(node)
        shape = matrix.shape[:2]
        reals = np.zeros(shape) if bias is None else np.broadcast_to(bias.reshape(-1), math.prod(shape)).reshape(shape)
        largest = {"largest": _BIAS64} if wide else {}
        lowest = weights.lowest_scales(reals * _BIAS_ROOM, x.quant.scale[0], **largest)
        least = np.float32(_LEAST_FACTOR * output.quant.scale[0] / x.quant.scale[0])
        return np.where(lowest > 0, np.maximum(lowest, least), np.float32(0))

    def _bias(self, node: Node) -> Array | None:
        """The layer's bias in the float net."""
        return self._graph.constants[node.inputs[2]] if len(node.inputs) > 2 and node.inputs[2] else None

    def _has_given_bias(self, node: Node) -> bool:
        return len(node.inputs) > 2 and node.inputs[2] in self._integers

    def _with_biases(self) -> Graph:
        """The graph with the corrected biases in the place of the old ones, or where there were none."""
        graph = self._graph
        nodes = []
        for node in graph.nodes:
            if node.name in self._biases:
                bias = self._biases[node.name]
                stem = node.inputs[2] if self._bias(node) is not None else f"{node.outputs[0]}.bias"
                type_ = TensorType(bias.shape, DType.F32)
                graph, name = add_constant(graph, f"{stem}.corrected", bias, type_)
                nodes.append(replace(node, inputs=(*node.inputs[:2], name)))
            else:
                nodes.append(node)
        return drop_dead(graph.with_(nodes=tuple(nodes)))[0]
