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
from edgeq.quantize import weights
from edgeq.quantize.bias_correction import corrected_bias, mean_outputs
from edgeq.quantize.data import CalibrationData
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.groups import note, whole_groups
from edgeq.quantize.importance import clamps, importance
from edgeq.quantize.layer_statistics import LayerStatistics, Weigh, statistics
from edgeq.quantize.layers import Layer, layer_of
from edgeq.quantize.round_weights import Rounded, Surroundings, needs_moments, round_weights
from edgeq.quantize.scheme import WEIGHTS, Choice, Scheme
from edgeq.quantize.stream import Chunk, Noise, Runner, fake_quantize

_NARROW = ("conv2d", "depthwise_conv2d", "dense")
"""Ops that have kernels for weights of less than 8 bits."""

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
    """What was found: the graph with its new biases, encodings and integers of weights, a line per layer, notes."""

    graph: Graph
    encodings: Encodings
    layers: tuple[LayerFit, ...]
    notes: tuple[str, ...] = ()


def fit_weights(
    runner: Runner,
    data: CalibrationData | None,
    encodings: Encodings,
    scheme: Scheme,
    done: Callable[[], None],
    *,
    alone: bool = False,
) -> Fitted:
    """Choose the integers of every weight that has none yet.

    Args:
        runner: of the float graph.
        data: samples; None: weights are rounded to nearest and biases kept.
        encodings: of every activation, and of constants whose integers are known.
        scheme: how.
        done: is called after each layer.
        alone: each layer is fitted as though all others kept the weights that they have.
    """
    return _Fitter(runner, encodings, scheme, alone=alone).run(_enough(runner, data), done)


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
    def __init__(self, runner: Runner, encodings: Encodings, scheme: Scheme, *, alone: bool) -> None:
        self._runner = runner
        self._graph = runner.graph
        self._scheme = scheme
        self._alone = alone
        self._values = dict(encodings.values)
        self._integers = dict(encodings.integers)
        self._factors = dict(encodings.factors)
        self._ungrouped: dict[int, list[str]] = {}
        self._readings = encodings.readings
        self._reals: dict[str, Array] = {}
        self._biases: dict[str, Array] = {}
        self._edges = _edges(runner.graph)
        self._samples = 0
        self._narrow = False
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
        encodings = Encodings(self._values, self._integers, self._readings, self._factors)
        notes = tuple(note(size, layers) for size, layers in self._ungrouped.items())
        return Fitted(self._with_biases(), encodings, tuple(self._fits), notes)

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
        if node.name in self._biases and not self._alone:
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
        bits, dtype = WEIGHTS[choice.weights if node.op in _NARROW else "int8"]
        given = name in self._integers
        self._narrow = (self._narrow and not self._alone) or (bits < 8 and not given)
        seen = self._seen(node, layer, states, moments=needs_moments(choice) and not given)
        if given:
            rounded, method = matrix, "given"
        else:
            choice = self._with_whole_groups(node, layer, choice)
            surroundings = Surroundings(self._samples, self._narrow)
            moments = seen.moments if seen is not None else None
            found = round_weights(matrix, moments, choice, bits, self._lowest(node, matrix), surroundings)
            rounded, method = found.reals, found.method
            self._note(name, layer, dtype, found)
        noise = Noise()
        noise.add(matrix, rounded)
        self._fits.append(LayerFit(node.name, method, noise.sqnr))
        if not self._alone:
            self._reals[name] = np.asarray(layer.weights(rounded), np.float32)
        if seen is not None and self._corrects(node):
            sums = mean_outputs(matrix, seen.floats), mean_outputs(rounded, seen.rounded)
            bias = self._bias(node)
            before = np.zeros(len(sums[0])) if bias is None else bias.astype(np.float64).reshape(-1)
            self._biases[node.name] = corrected_bias(before, *sums).astype(np.float32)

    def _with_whole_groups(self, node: Node, layer: Layer, choice: Choice) -> Choice:
        """Without groups where they do not divide the layer's weights, or where one of them has all of an output."""
        size = choice.weight_groups
        if not size or (whole_groups(layer, node.op, size) and size < layer.matrix_shape[2]):
            return choice
        if size == layer.matrix_shape[2]:
            return replace(choice, weight_groups=0)
        self._ungrouped.setdefault(choice.weight_groups, []).append(node.label)
        return replace(choice, weight_groups=0)

    def _note(self, name: str, layer: Layer, dtype: DType, found: Rounded) -> None:
        """Keep the integers and scales of a layer's weights."""
        flat = tuple(float(s) for s in found.scales.reshape(-1))
        self._values[name] = Encoding(dtype, Quant(flat, (0,) * len(flat), layer.axis))
        self._integers[name] = np.ascontiguousarray(layer.weights(found.integers))
        if found.factors is not None:
            self._factors[name] = found.factors.reshape(len(flat), -1)

    def _seen(self, node: Node, layer: Layer, states: Sequence[_State], *, moments: bool) -> LayerStatistics | None:
        """What the layer meets; None without data, or where nothing would be made of it."""
        if not states or not (moments or self._corrects(node)):
            return None
        groups, out, _ = layer.matrix_shape
        outputs = self._graph.types[node.outputs[0]].size * sum(state.chunk.count for state in states)
        inputs = ((state.floats[node.inputs[0]], state.rounded[node.inputs[0]]) for state in states)
        return statistics(
            layer,
            inputs,
            outputs // (groups * out),
            moments=moments,
            # Among int8 layers neither gains anything.
            centered=self._narrow and self._corrects(node),
            weigh=self._weigh(node, layer) if self._narrow else None,
        )

    def _weigh(self, node: Node, layer: Layer) -> Weigh | None:
        """What errors count behind the layer's activation, if there is one."""
        activation = getattr(node.attrs, "activation", None)
        if activation is None or not clamps(activation):
            return None
        matrix = layer.matrix(self._graph.constants[node.inputs[1]]).astype(np.float32)
        bias = self._bias(node)
        shifts = np.zeros(1, np.float32) if bias is None else bias.reshape(len(matrix), 1, -1)
        return lambda patches: importance(patches @ np.swapaxes(matrix, -1, -2) + shifts, activation)

    def _corrects(self, node: Node) -> bool:
        """Whether the layer's bias takes up the mean error."""
        return self._scheme.bias_correction and not self._has_given_bias(node)

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
