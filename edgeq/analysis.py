"""What quantization costs: the quantized network beside the float one, value by value, on data.

    value of the float graph --+-- accumulated: the same value of the integer graph, everything before it quantized
                               +-- isolated: the float inputs of its node, its constants and its result rounded

The integer graph is evaluated in NumPy, which the generated C equals bit for bit; the outputs are taken from the C.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgeq.compiler import CompiledModel
from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate
from edgeq.frontend import Calibration, ModelFile, without_softmax
from edgeq.ir import Graph, Node, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.tensor import dequantize
from edgeq.ops import OPS
from edgeq.ops.quantize import quantize_array
from edgeq.passes import normalization, run_passes
from edgeq.quantize.data import CalibrationData
from edgeq.quantize.encoding import Encoding
from edgeq.quantize.outputs import before_softmax
from edgeq.quantize.quantizer import Quantized, Track, no_progress
from edgeq.quantize.stream import Chunk, Noise, Runner, fake_quantize, run


@dataclass(frozen=True)
class Difference:
    """Of quantized reals from float ones, over all samples.

    Attributes:
        sqnr: signal to quantization noise ratio in dB; infinite where nothing differs.
        cosine: of the angle between both; 1 where both are zero.
        largest: absolute error.
    """

    sqnr: float
    cosine: float
    largest: float


@dataclass(frozen=True)
class LayerComparison:
    """One value of the float graph.

    Attributes:
        value: its name in the graph.
        tensor: its name in the file, "" where it has none.
        op: that makes it; "input" for an input.
        source: the operator of the file, "" for an input.
        encoding: element type, scale and zero point.
        method: how its range was chosen, or "given".
        weights: how the weights of its node were rounded; "" where it has none.
        accumulated: with everything quantized.
        isolated: with only this layer quantized: its constants, its bias as corrected, and its result.
    """

    value: str
    tensor: str
    op: str
    source: str
    encoding: str
    method: str
    weights: str
    accumulated: Difference
    isolated: Difference


@dataclass(frozen=True)
class OutputComparison:
    """One output.

    Attributes:
        symbol: its name in the generated C, without the network's.
        tensor: its name in the file.
        type: element type, shape and quantization at the port.
        output: the C's reals against those of the float model.
        scores: the same of what a softmax at the end reads, by integer evaluation; None where there is none.
        unequal: elements in which the C differs from integer evaluation: none, but for a bug in edgeq.
    """

    symbol: str
    tensor: str
    type: str
    output: Difference
    scores: Difference | None
    unequal: int


@dataclass(frozen=True)
class Accuracy:
    """Shares of samples, 0 to 1: those put into the right class, and those whose class is not the float model's.

    Attributes:
        real: top-1 of the float model.
        quantized: top-1 of integer evaluation.
        c: top-1 of the generated C, on this machine.
        flips: samples that the C puts into another class than the float model.
    """

    real: float
    quantized: float
    c: float
    flips: float


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`.

    Attributes:
        samples: how many.
        layers: in order of execution; none for a model that was compared with another one.
        outputs: in port order.
        accuracy: given labels.
        notes: what was done to the data, a sentence each.
    """

    samples: int
    layers: tuple[LayerComparison, ...]
    outputs: tuple[OutputComparison, ...]
    accuracy: Accuracy | None
    notes: tuple[str, ...] = ()

    def worst_first(self, by: str = "accumulated") -> list[LayerComparison]:
        """The layers by falling noise, `accumulated` or `isolated`; equal ones in order of execution."""
        return sorted(self.layers, key=lambda layer: getattr(layer, by).sqnr)


@dataclass
class _Tally:
    """A `Difference` under way."""

    noise: Noise = field(default_factory=Noise)
    products: float = 0.0
    squares: float = 0.0
    largest: float = 0.0

    def add(self, right: Array, found: Array) -> None:
        a, b = right.reshape(-1).astype(np.float64), found.reshape(-1).astype(np.float64)
        self.noise.add(a, b)
        self.products += float(a @ b)
        self.squares += float(b @ b)
        self.largest = max(self.largest, float(np.abs(a - b).max(initial=0)))

    def difference(self) -> Difference:
        norms = math.sqrt(self.noise.signal) * math.sqrt(self.squares)
        both_zero = self.noise.signal == self.squares == 0
        cosine = self.products / norms if norms else float(both_zero)
        return Difference(self.noise.sqnr, min(1.0, max(-1.0, cosine)), self.largest)


def compare(
    model: CompiledModel,
    data: Any = None,
    labels: Any = None,
    *,
    against: str | Path | bytes | None = None,
    layers: bool = True,
    track: Track = no_progress,
) -> Comparison:
    """Run the float model, the integer graph and the generated C on the same samples.

    Args:
        model: compiled from a float model, or from one with Q/DQ nodes; from an integer one with `against`.
        data: sample inputs of the float model: a path, arrays, an iterable, a `Calibration` or `CalibrationData`; None:
            what the model was calibrated with.
        labels: the class of each sample; None: those of the data, if any.
        against: a float model to compare the outputs with, instead of the one that was quantized.
        layers: whether layers are compared too, which takes most of the time.
        track: progress.

    Raises:
        EdgeqError: where there are no data, or they do not fit, or there is no float model to compare with.
    """
    reference = _reference(model, against)
    samples, classes = load_samples(model, data, labels, reference=reference)
    comparer = _Comparer(model, reference, classes, layers=layers and against is None)
    return comparer.run(samples, track("comparing", len(samples)))


def load_samples(
    model: CompiledModel, data: Any = None, labels: Any = None, *, reference: Graph | None = None
) -> tuple[CalibrationData, Array | None]:
    """The samples that `compare` takes for these arguments, and their classes, if they have any."""
    samples = _data(model, reference or _reference(model, None), data)
    return samples, _labels(samples.labels if labels is None else labels, len(samples))


def _reference(model: CompiledModel, against: str | Path | bytes | None) -> Graph:
    """The float graph to compare with; its ports have to be those of the model."""
    if against is None:
        if model.quantized is None:
            raise EdgeqError(
                f"{model.report.model.file}: is an integer model, and nothing says what it was made from; "
                "accepted: a float model, or the one to compare with as --against MODEL"
            )
        return model.quantized.reference
    file = ModelFile.read(against)
    graph = file.load()
    if not model.report.options["softmax"]:
        graph = without_softmax(graph)
    graph, _ = run_passes(graph, normalization(input_layout=model.report.options["input_layout"]))
    for what, ours, theirs in (
        ("inputs", model.program.inputs, graph.inputs),
        ("outputs", model.program.outputs, graph.outputs),
    ):
        wanted, found = [p.type.shape for p in ours], [graph.types[v].shape for v in theirs]
        if wanted != found:
            raise EdgeqError(f"{file.where}: {what} of shapes {found}; accepted: those of the model, {wanted}")
    if not all(graph.types[v].dtype.is_float for v in graph.outputs):
        raise EdgeqError(f"{file.where}: has integer outputs; accepted: a float model")
    return graph


def _data(model: CompiledModel, reference: Graph, data: Any) -> CalibrationData:
    if data is None:
        if model.prepared.data is None:
            raise EdgeqError("there are no samples to compare on; accepted: --data or --calibrate with sample inputs")
        data = model.prepared.data
    if isinstance(data, CalibrationData):
        samples = data
    else:
        samples = (data if isinstance(data, Calibration) else Calibration(data)).load(reference)
    if not len(samples):
        raise EdgeqError("the data are empty; accepted: at least one sample")
    return samples


def _labels(labels: Any, count: int) -> Array | None:
    """Classes as integers, one per sample."""
    if labels is None:
        return None
    array = np.asarray(labels)
    if array.dtype.kind not in "iu" or array.size != count:
        raise EdgeqError(f"labels of {array.dtype}{list(array.shape)} for {count} samples; accepted: one integer each")
    return array.reshape(-1).astype(np.int64)


class _Comparer:
    """All tallies, and how one sample is counted into them."""

    def __init__(self, model: CompiledModel, reference: Graph, labels: Array | None, *, layers: bool) -> None:
        self._model = model
        self._reference = reference
        self._graph = model.prepared.graph
        self._labels = labels
        self._layers = _Layers(model.quantized) if layers and model.quantized is not None else None
        self._outputs = [_Tally() for _ in reference.outputs]
        self._unequal = [0 for _ in reference.outputs]
        self._scores = [
            (before_softmax(reference, right), before_softmax(self._graph, found), _Tally())
            for right, found in zip(reference.outputs, self._graph.outputs, strict=True)
        ]
        self._right = {"real": 0, "quantized": 0, "c": 0}
        self._flips = 0

    def run(self, data: CalibrationData, done: Any) -> Comparison:
        runner = Runner(self._reference)
        for chunk in runner.chunks(data):
            values = run(chunk)
            if self._layers is not None:
                self._layers.isolated(chunk, values)
            for number in range(chunk.count):
                one = {v: _part(values[v], self._reference, v, number) for v in values}
                self._sample([one[v] for v in self._reference.inputs], one, chunk.first + number)
                done()
        return Comparison(
            samples=len(data),
            layers=self._layers.comparisons() if self._layers is not None else (),
            outputs=tuple(self._output(n) for n in range(len(self._outputs))),
            accuracy=self._accuracy(len(data)),
            notes=data.notes,
        )

    def _sample(self, inputs: Sequence[Array], real: Mapping[str, Array], number: int) -> None:
        """Count one sample in: `real` are all values of the float graph."""
        types = self._graph.types
        found = evaluate(self._graph, [_as(x, types[v]) for x, v in zip(inputs, self._graph.inputs, strict=True)])
        ports = self._model.program.inputs
        c = self._model.host.run([_as(x, port.type) for x, port in zip(inputs, ports, strict=True)])
        if self._layers is not None:
            self._layers.accumulated(real, found)
        outputs = []
        for index, (right, value) in enumerate(zip(self._reference.outputs, self._graph.outputs, strict=True)):
            reals = dequantize(c[index], self._model.program.outputs[index].type)
            self._outputs[index].add(real[right], reals)
            evaluated = dequantize(found[value], types[value])
            self._unequal[index] += int(np.count_nonzero(evaluated.reshape(-1) != reals.reshape(-1)))
            outputs.append((real[right], evaluated, reals))
        for right, value, tally in self._scores:
            tally.add(real[right], dequantize(found[value], types[value]))
        if self._labels is not None:
            self._classify(int(self._labels[number]), *outputs[0])

    def _classify(self, label: int, real: Array, quantized: Array, c: Array) -> None:
        """The class is where the first output has its maximum."""
        if not 0 <= label < real.size:
            raise EdgeqError(f"label {label} for an output of {real.size} elements; accepted: 0..{real.size - 1}")
        classes = {"real": int(real.argmax()), "quantized": int(quantized.argmax()), "c": int(c.argmax())}
        for name, found in classes.items():
            self._right[name] += found == label
        self._flips += classes["c"] != classes["real"]

    def _output(self, index: int) -> OutputComparison:
        port = self._model.program.outputs[index]
        right, _, scores = self._scores[index]
        return OutputComparison(
            symbol=f"out_{index + 1}",
            tensor=port.name,
            type=str(port.type),
            output=self._outputs[index].difference(),
            scores=scores.difference() if right != self._reference.outputs[index] else None,
            unequal=self._unequal[index],
        )

    def _accuracy(self, samples: int) -> Accuracy | None:
        if self._labels is None:
            return None
        return Accuracy(**{name: n / samples for name, n in self._right.items()}, flips=self._flips / samples)


@dataclass
class _Line:
    """A value of the float graph and its tallies; `node` makes it, `found` is its name in the integer graph."""

    value: str
    node: Node | None
    found: str
    encoding: Encoding
    accumulated: _Tally = field(default_factory=_Tally)
    isolated: _Tally = field(default_factory=_Tally)


class _Layers:
    """The lines of a quantized graph: its inputs, and what its nodes make of floats."""

    def __init__(self, quantized: Quantized) -> None:
        self._quantized = quantized
        self._lines = list(_lines(quantized))
        self._twins = {node.name: node for node in quantized.floats.nodes}
        self._rounded = {line.value: self._constants(line.node) for line in self._lines if line.node is not None}

    def _constants(self, node: Node) -> dict[int, Array]:
        """By operand: the reals that the quantized layer has for its constants; a corrected bias in full precision."""
        floats, encodings = self._quantized.floats, self._quantized.encodings
        found = {}
        for index, name in enumerate(self._twins[node.name].inputs):
            if name not in floats.constants:
                continue
            array, encoding = floats.constants[name], encodings.values.get(name)
            if encoding is not None and name in encodings.integers:
                array = encodings.reals(name)
            elif encoding is not None and encoding.quant.axis is None:
                array = fake_quantize(array, encoding)
            found[index] = array
        return found

    def isolated(self, chunk: Chunk, values: Mapping[str, Array]) -> None:
        """Count a chunk in, of which `values` are all floats."""
        nodes = {node.name: node for node in chunk.graph.nodes}
        for line in self._lines:
            found = values[line.value]
            if line.node is not None:
                found = self._run(nodes[line.node.name], line, values)
            line.isolated.add(values[line.value], fake_quantize(found, line.encoding))

    def _run(self, node: Node, line: _Line, values: Mapping[str, Array]) -> Array:
        """The result of one node, for all samples of a chunk, with its constants rounded."""
        arguments: list[Array | None] = [values[v] if v else None for v in node.inputs]
        for index, array in self._rounded[line.value].items():
            if index >= len(arguments):
                arguments.append(array)  # a bias where there was none
                continue
            own = arguments[index]
            many = own is not None and own.shape != array.shape  # repeated for each sample of the chunk
            arguments[index] = np.concatenate([array] * (len(own) // len(array))) if many and own is not None else array
        results = OPS[node.op].eval_float(node.attrs, arguments)
        result = results[node.outputs.index(line.value)]
        return result.reshape(values[line.value].shape)

    def accumulated(self, real: Mapping[str, Array], found: Mapping[str, Array]) -> None:
        """Count a sample in, from all floats and from all integers."""
        types = self._quantized.graph.types
        for line in self._lines:
            line.accumulated.add(real[line.value], dequantize(found[line.found], types[line.found]))

    def comparisons(self) -> tuple[LayerComparison, ...]:
        """What was found."""
        methods = {t.value: t.method for t in self._quantized.tensors}
        weights = {w.node: w.method for w in self._quantized.layers}
        origins = self._quantized.reference.origins
        return tuple(
            LayerComparison(
                value=line.value,
                tensor=origins[line.value].name if line.value in origins else "",
                op=line.node.op if line.node is not None else "input",
                source=line.node.source if line.node is not None else "",
                encoding=str(line.encoding),
                method=methods.get(line.value, "given"),
                weights=_of(weights, line.node),
                accumulated=line.accumulated.difference(),
                isolated=line.isolated.difference(),
            )
            for line in self._lines
        )


def _lines(quantized: Quantized) -> Iterator[_Line]:
    """Inputs, then nodes: every float that has an encoding."""
    graph, encodings = quantized.reference, quantized.encodings.values
    for name in graph.inputs:
        readers = [n for n in quantized.graph.users.get(name, ()) if n.op == "quantize"]
        if name in encodings and readers:
            yield _Line(name, None, readers[0].outputs[0], encodings[name])
    for node in graph.nodes:
        for value in node.outputs:
            if graph.types[value].dtype.is_float and value in encodings and value in quantized.graph.types:
                yield _Line(value, node, value, encodings[value])


def _of(weights: Mapping[str, str], node: Node | None) -> str:
    """How the weights of a node were rounded; the quantizer calls it by its source, where it has one."""
    return "" if node is None else weights.get(node.source, weights.get(node.name, ""))


def _part(array: Array, graph: Graph, value: str, number: int) -> Array:
    """One sample of a value of many; a value that depends on no input has only one."""
    shape = graph.types[value].shape if value in graph.types else array.shape
    return array if array.shape == shape else array[number * shape[0] : (number + 1) * shape[0]]


def _as(x: Array, type_: TensorType) -> Array:
    """A sample in a port's type: reals become its integers."""
    return quantize_array(x, type_) if x.dtype == np.float32 and type_.quant is not None else x
