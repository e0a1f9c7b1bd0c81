"""How much noise a layer's weights bring to a model's outputs in a width, with nothing else rounded but activations.

Noise of different layers is taken to add up, as independent errors do; what is made of it is tried out for real
(`edgeq.search`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edgeq.evaluate import Transform
from edgeq.ir import Graph, Node
from edgeq.ir.graph import Array
from edgeq.ops import OPS
from edgeq.quantize.data import CalibrationData
from edgeq.quantize.fit import Fitted, fit_weights
from edgeq.quantize.layers import layer_of
from edgeq.quantize.outputs import measured_values
from edgeq.quantize.quantizer import Encoded
from edgeq.quantize.scheme import Scheme
from edgeq.quantize.stream import Chunk, Noise, Runner, run, simulate


@dataclass
class Sensitivity:
    """Noise at the outputs, as ratios of its power to that of the signal; of several outputs, their mean.

    Attributes:
        activations: of rounding activations alone.
        layers: by node, what its weights add to that.
    """

    activations: float
    layers: Mapping[str, float]


def sensitivity(
    encoded: Encoded,
    data: CalibrationData,
    held_out: CalibrationData,
    scheme: Scheme,
    weights: str,
    done: Callable[[], None] = lambda: None,
) -> Sensitivity:
    """Measure one width of weights, layer by layer.

    Args:
        encoded: the graph and the encodings of its activations.
        data: what weights are rounded on.
        held_out: what the noise is measured on.
        scheme: how weights are rounded.
        weights: their type, a key of `edgeq.quantize.scheme.WEIGHTS`.
        done: is called after each layer that was rounded.
    """
    uniform = replace(scheme, weights=weights, edges="same", layers=())
    fitted = fit_weights(Runner(encoded.graph), data, encoded.encodings, uniform, done, alone=True)
    rounded = _with_rounded_weights(fitted)
    through = simulate(encoded.encodings.values)
    outputs = measured_values(encoded.graph)
    layers = [node.name for node in encoded.graph.nodes if layer_of(encoded.graph, node) is not None]
    base, tallies = _Noises(outputs), {name: _Noises(outputs) for name in layers}
    chunks = zip(Runner(encoded.graph).chunks(held_out), Runner(rounded).chunks(held_out), strict=True)
    for chunk, twin in chunks:
        right, found = run(chunk), run(chunk, through)
        base.add(right, right, found)
        for name, tally in tallies.items():
            tally.add(right, found, _with_layer(chunk, twin, name, found, through))
    return Sensitivity(base.ratio, {name: tally.ratio for name, tally in tallies.items()})


@dataclass
class _Noises:
    """The noise of some values."""

    names: Sequence[str]
    noises: dict[str, Noise] = field(default_factory=dict)

    def add(self, signal: Mapping[str, Array], right: Mapping[str, Array], found: Mapping[str, Array]) -> None:
        """Count in by how much what was found differs from what is right, beside a signal."""
        for name in self.names:
            noise = self.noises.setdefault(name, Noise())
            noise.signal += float(np.square(signal[name].astype(np.float64)).sum())
            noise.error += float(np.square(right[name].astype(np.float64) - found[name]).sum())

    @property
    def ratio(self) -> float:
        """The mean ratio of error to signal; where there is no signal, 0."""
        ratios = [noise.error / noise.signal if noise.signal else 0.0 for noise in self.noises.values()]
        return sum(ratios) / max(1, len(ratios))


def _with_rounded_weights(fitted: Fitted) -> Graph:
    """The fitted graph in floats, with the reals that its weights stand for, and its biases."""
    graph, encodings = fitted.graph, fitted.encodings
    reals = dict(graph.constants)
    for node in graph.nodes:
        name = node.inputs[1] if layer_of(graph, node) is not None else ""
        if name in encodings.integers:
            reals[name] = encodings.reals(name)
    return graph.with_(constants=reals)


def _with_layer(
    chunk: Chunk, twin: Chunk, name: str, values: Mapping[str, Array], through: Transform
) -> Mapping[str, Array]:
    """All values where one node is that of the twin; what does not depend on it is not computed again."""
    changed: dict[str, Array] = {}
    replaced = {node.name: node for node in twin.graph.nodes}[name]
    for node in chunk.graph.nodes:
        if node.name == name:
            arguments = [_operand(v, values, twin.graph) for v in replaced.inputs]
        elif changed.keys().isdisjoint(node.inputs):
            continue
        else:
            arguments = [changed.get(v, values[v]) if v else None for v in node.inputs]
        _evaluate(chunk.graph, node, arguments, changed, through)
    return {**values, **changed}


def _operand(value: str, values: Mapping[str, Array], graph: Graph) -> Array | None:
    """An operand of the twin's node: its constants are its own."""
    if not value:
        return None
    return graph.constants[value] if value in graph.constants else values[value]


def _evaluate(
    graph: Graph, node: Node, arguments: Sequence[Array | None], made: dict[str, Array], through: Transform
) -> None:
    results = OPS[node.op].eval_float(node.attrs, arguments)
    for value, result, type_ in zip(node.outputs, results, graph.output_types(node), strict=True):
        made[value] = through(value, result.reshape(type_.shape))
