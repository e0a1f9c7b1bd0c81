"""Float graphs with an encoding for every value, as a calibration or a file would give them."""

from dataclasses import dataclass

import numpy as np
from float_graphs import CONTINUOUS, float_inputs, random_float_graph

from edgeq.evaluate import evaluate_float
from edgeq.ir import DType, Graph, Quant
from edgeq.passes import normalization, run_passes
from edgeq.quantize.absorb import absorb
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.histogram import Histogram
from edgeq.quantize.layers import layer_of
from edgeq.quantize.ranges import Target, choose
from edgeq.quantize.ties import tie
from edgeq.quantize.weights import nearest

MODES = ("s8", "s16", "mixed", "untied")
"""Types of activations: all of 8 bits, all of 16, some of either; "untied": 8 bits, moves do not keep encodings."""


@dataclass(frozen=True)
class Encoded:
    """A float graph and encodings for it."""

    graph: Graph
    encodings: Encodings

    def activations(self) -> dict[str, Encoding]:
        """Without those of weights."""
        return {v: e for v, e in self.encodings.values.items() if e.quant.axis is None}


def random_encoded(seed: int, mode: str) -> Encoded:
    """A normalized random graph, its Q/DQ nodes absorbed, and encodings from some random inputs."""
    rng = np.random.default_rng(seed)
    graph = random_float_graph(seed, int(rng.integers(1, 9)), CONTINUOUS)
    graph, _ = run_passes(graph, normalization(input_layout="keep"))
    graph, given = absorb(graph)
    return Encoded(graph, encode_all(graph, given, mode, rng))


def encode_all(graph: Graph, given: Encodings, mode: str, rng: np.random.Generator) -> Encodings:
    """What is given, and for all other values what three random inputs say; weights to nearest."""
    values = dict(given.values)
    runs = [evaluate_float(graph, float_inputs(graph, seed)) for seed in range(3)]
    made = [*graph.inputs, *(v for node in graph.nodes for v in node.outputs)]
    for value in made:
        if graph.types[value].dtype.is_float and value not in values:
            wide = mode == "s16" or (mode == "mixed" and rng.random() < 0.3)
            histogram = Histogram()
            for run in runs:
                histogram.update(run[value])
            values[value] = choose(histogram, Target(DType.S16, symmetric=True) if wide else Target(), "minmax")
    if mode != "untied":
        kinds = {value: given.values.get(value) or values[value].dtype for value in values}
        for group in tie(graph, kinds.__getitem__):
            values.update(dict.fromkeys((*group.values, *group.constants), values[group.name]))
    return Encodings({**values, **_of_constants(graph, values)}, given.integers)


def _of_constants(graph: Graph, known: dict[str, Encoding]) -> dict[str, Encoding]:
    """Weights per channel; what stands beside activations by its range; nothing for biases."""
    values: dict[str, Encoding] = {}
    for node in graph.nodes:
        layer = layer_of(graph, node)
        for index, name in enumerate(node.inputs):
            if name not in graph.constants or not graph.types[name].dtype.is_float or name in known:
                continue
            if layer is not None and index == 1:
                _, scales = nearest(layer.matrix(graph.constants[name].astype(np.float64)))
                flat = tuple(float(s) for s in scales.reshape(-1))
                values[name] = Encoding(DType.S8, Quant(flat, (0,) * len(flat), layer.axis))
            elif layer is None:
                histogram = Histogram()
                histogram.update(graph.constants[name])
                values[name] = choose(histogram, Target(), "minmax")
    return values
