"""Compares the generated C with what it should compute, value by value."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from edgeq.compiler import CompiledModel
from edgeq.ir import DType, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.tensor import dequantize
from edgeq.oracles import ORACLES
from edgeq.peers import AUTO, Peer, open_peer
from edgeq.samples import Inputs, Samples, random_samples

_SAMPLES = 100


@dataclass(frozen=True)
class Comparison:
    """One output or layer over all samples.

    Attributes:
        name: `out_1`, or the layer's number and op.
        source: the operator of the file.
        type: of the value.
        compared: number of values.
        different: how many of them differ.
        largest: the largest difference, in steps of the quantization, or in reals where there is none.
    """

    name: str
    source: str
    type: str
    compared: int
    different: int
    largest: float


@dataclass(frozen=True)
class Verification:
    """The result of `verify`.

    Attributes:
        runtime: what the C was compared with.
        package: what is installed of it.
        version: of the package.
        samples: number of inferences.
        tolerance: the largest difference that passes.
        outputs: one per output.
        layers: one per layer that the other side shows; none where only outputs were compared.
        deviations: what in this model the runtime is known to compute differently, off by 1 at times.
    """

    runtime: str
    package: str
    version: str
    samples: int
    tolerance: float
    outputs: tuple[Comparison, ...]
    layers: tuple[Comparison, ...]
    deviations: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether no value differs by more than the tolerance."""
        return all(self.accepts(c) for c in (*self.outputs, *self.layers))

    @property
    def first_bad(self) -> Comparison | None:
        """The first layer, in order of execution, that differs by more than the tolerance."""
        return next((c for c in self.layers if not self.accepts(c)), None)

    def accepts(self, comparison: Comparison) -> bool:
        """Whether this output or layer is within the tolerance."""
        return comparison.largest <= self.tolerance


@dataclass
class _Tally:
    """A `Comparison` under way."""

    name: str
    source: str
    value: str
    type: TensorType
    compared: int = 0
    different: int = 0
    largest: float = 0.0

    def add(self, ours: Array, theirs: Array) -> None:
        difference = _difference(ours, theirs, self.type)
        self.compared += difference.size
        self.different += int(np.count_nonzero(difference))
        self.largest = max(self.largest, float(difference.max(initial=0)))

    def comparison(self) -> Comparison:
        return Comparison(self.name, self.source, str(self.type), self.compared, self.different, self.largest)


def verify(
    model: CompiledModel,
    against: str = AUTO,
    samples: Samples | None = None,
    *,
    layers: bool = False,
    tolerance: float | None = None,
    track: Callable[[Iterable[Inputs]], Iterable[Inputs]] = iter,
) -> Verification:
    """Run the generated C and something else on the same inputs and count the values that differ.

    Args:
        model: a compiled model.
        against: `tflm`, `litert` or `onnxruntime`: the model's file there. `edgeq`: the same integers in NumPy. `auto`:
            `tflm` where that has to be equal, else `edgeq`.
        samples: the inputs; None: 100 random ones over the whole range.
        layers: also compare every layer that the other side can show.
        tolerance: the largest difference that passes; None: 0, or 1 of `onnxruntime`, which rounds otherwise.
        track: wraps the loop over samples, for a progress bar.

    Raises:
        EdgeqError: where the runtime is unknown, not installed, cannot run the model, refuses it or crashes.
    """
    samples = samples or random_samples(model.program, _SAMPLES, seed=0)
    with closing(open_peer(model, against, layers=layers)) as peer:
        outputs, inner = _output_tallies(model, peer), _layer_tallies(model, peer)
        trace = bool(inner) or [*peer.outputs] != [p.value for p in model.program.outputs]
        for inputs in track(samples):
            theirs = peer.run(inputs)
            ours = dict(zip(model.program.graph.outputs, model.host.run(inputs), strict=True))
            ours = {**ours, **(model.host.trace(inputs) if trace else {})}
            for tally in (*outputs, *inner):
                tally.add(ours[tally.value], theirs[tally.value])
        return Verification(
            runtime=peer.title,
            package=peer.package,
            version=peer.version,
            samples=len(samples),
            tolerance=peer.tolerance if tolerance is None else tolerance,
            outputs=tuple(t.comparison() for t in outputs),
            layers=tuple(t.comparison() for t in inner),
            deviations=_deviations(model, peer),
        )


def _output_tallies(model: CompiledModel, peer: Peer) -> list[_Tally]:
    graph = model.program.graph
    sources = {v: node.source for v, node in graph.producers.items()}
    tallies = []
    for i, (output, value) in enumerate(zip(graph.outputs, peer.outputs, strict=True), 1):
        name = f"out_{i}" if value == output else f"out_{i} before its softmax"
        tallies.append(_Tally(name, sources.get(value, ""), value, graph.types[value]))
    return tallies


def _layer_tallies(model: CompiledModel, peer: Peer) -> list[_Tally]:
    """The values that both sides have, in order of execution."""
    types, shown = model.program.graph.types, set(peer.values)
    return [
        _Tally(f"{layer.index} {layer.node.op}", layer.node.source, output.value, types[output.value])
        for layer in model.program.layers
        for output in layer.outputs
        if output.value in shown
    ]


def _difference(ours: Array, theirs: Array, type_: TensorType) -> Array:
    """Absolute differences, flat, in steps of the quantization.

    The other side may have the same value as uint8, whose zero point is 128 higher, or as reals.
    """
    a, b = ours.reshape(-1), theirs.reshape(-1).astype(np.float64)
    if theirs.dtype.kind == "f":
        step = type_.scale if type_.quant else 1.0
        return np.nan_to_num(np.abs(dequantize(a, type_).astype(np.float64) - b) / step, nan=np.inf)
    offset = 128 if type_.dtype is DType.S8 and theirs.dtype == np.uint8 else 0
    return np.asarray(np.abs(a.astype(np.float64) + offset - b))


def _deviations(model: CompiledModel, peer: Peer) -> tuple[str, ...]:
    known = next((oracle.deviations for oracle in ORACLES.values() if oracle.title == peer.title), {})
    used = {node.source.split(" ", 1)[0] for node in model.imported.nodes}
    used |= {str(type_.dtype.numpy) for type_ in model.imported.types.values()}
    return tuple(f"{what}: {how}" for what, how in known.items() if what in used)
