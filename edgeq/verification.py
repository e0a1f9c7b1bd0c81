"""Compares the generated C with another runtime, value by value."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edgeq.compiler import CompiledModel
from edgeq.errors import EdgeqError
from edgeq.importers.tflite.builder import with_name
from edgeq.importers.tflite.file import read_tflite
from edgeq.ir import DType, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.tensor import dequantize
from edgeq.oracles import ORACLES, OracleProcess
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
        layers: one per layer that equals a tensor of the file; none where only outputs were compared.
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
    """A `Comparison` under way; `index` and `channels` say which tensor of the file a layer's value is."""

    name: str
    source: str
    value: str
    type: TensorType
    index: int = -1
    channels: tuple[int, ...] | None = None
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
    against: str = "tflm",
    samples: Samples | None = None,
    *,
    layers: bool = False,
    tolerance: float = 0,
    track: Callable[[Iterable[Inputs]], Iterable[Inputs]] = iter,
) -> Verification:
    """Run the generated C and another runtime on the same inputs and count the values that differ.

    Args:
        model: a compiled model.
        against: `tflm` or `litert`.
        samples: the inputs; None: 100 random ones over the whole range.
        layers: also compare every layer whose value is a tensor of the file.
        tolerance: the largest difference that passes.
        track: wraps the loop over samples, for a progress bar.

    Raises:
        EdgeqError: where the runtime is unknown, not installed, cannot run the model, refuses it or crashes.
    """
    if against not in ORACLES:
        raise EdgeqError(f"unknown runtime {against!r}; accepted: {', '.join(ORACLES)}")
    if not ORACLES[against].infers_shapes:
        _require_declared_shapes(model, against)
    samples = samples or random_samples(model.program, _SAMPLES, seed=0)
    outputs = _output_tallies(model)
    inner = _layer_tallies(model) if layers else []
    with OracleProcess(against, model.data, _arena(model), keep_tensors=layers) as oracle:
        for inputs in track(samples):
            ours = model.host.run(inputs)
            theirs, tensors = oracle.run(_as_the_file_has(model, inputs), [t.index for t in inner])
            for tally, a, b in zip(outputs, ours, theirs, strict=True):
                tally.add(a, b)
            values = model.host.trace(inputs) if inner else {}
            for tally, tensor in zip(inner, tensors, strict=True):
                tally.add(values[tally.value], tensor if tally.channels is None else tensor[..., list(tally.channels)])
        return Verification(
            runtime=oracle.oracle.title,
            package=oracle.oracle.package,
            version=oracle.version,
            samples=len(samples),
            tolerance=tolerance,
            outputs=tuple(t.comparison() for t in outputs),
            layers=tuple(t.comparison() for t in inner),
            deviations=_deviations(model, against),
        )


def _require_declared_shapes(model: CompiledModel, against: str) -> None:
    """Refuse what a runtime that believes the file's shapes would compute in too little memory.

    Exporters declare what follows from an open batch as if it were 1, also behind an operator that splits images into
    more of them.
    """
    graph, tensors = model.imported, read_tflite(model.data, model.report.model.file).tensors
    for value, origin in graph.origins.items():
        type_, declared = graph.types[value], tensors[origin.index].shape
        if type_.size != math.prod(declared):
            raise EdgeqError(
                f"{ORACLES[against].title} cannot run this model: it believes the file, which declares "
                f"{with_name(f'tensor {origin.index}', origin.name)} as {list(declared)}, but the shape is "
                f"{list(type_.shape)}; accepted: models exported with a fixed batch size, or the runtime litert"
            )


def _output_tallies(model: CompiledModel) -> list[_Tally]:
    producers = model.program.graph.producers
    sources = {v: node.source for v, node in producers.items()}
    return [
        _Tally(f"out_{i}", sources.get(p.value, ""), p.value, p.type) for i, p in enumerate(model.program.outputs, 1)
    ]


def _layer_tallies(model: CompiledModel) -> list[_Tally]:
    """The values that both sides have, in order of execution."""
    graph = model.program.graph
    tallies = []
    for layer in model.program.layers:
        for output in layer.outputs:
            origin = graph.origins.get(output.value)
            if origin is not None:
                name = f"{layer.index} {layer.node.op}"
                type_ = graph.types[output.value]
                tallies.append(_Tally(name, layer.node.source, output.value, type_, origin.index, origin.channels))
    return tallies


def _as_the_file_has(model: CompiledModel, inputs: Sequence[Array]) -> list[Array]:
    """Integer ports as the reals that they stand for, where the file has float ports."""
    declared = [model.imported.types[v] for v in model.imported.inputs]
    ports = model.program.inputs
    return [
        dequantize(x, port.type) if type_.dtype.is_float else x
        for x, port, type_ in zip(inputs, ports, declared, strict=True)
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


def _arena(model: CompiledModel) -> int:
    """Plenty for TFLM: all activations at once, as it keeps them all, its bookkeeping, and scratch memory."""
    activations = sum(t.bytes for v, t in model.imported.types.items() if v not in model.imported.constants)
    return 8 * activations + 10 * len(model.data) + (1 << 20)


def _deviations(model: CompiledModel, against: str) -> tuple[str, ...]:
    used = {node.source.split(" ", 1)[0] for node in model.imported.nodes}
    used |= {str(type_.dtype.numpy) for type_ in model.imported.types.values()}
    return tuple(f"{what}: {how}" for what, how in ORACLES[against].deviations.items() if what in used)
