"""What was compiled and what it costs, as records: report.json, and the page that `edgeq compile` prints.

The same input gives the same report: no date, no path, no machine. docs/report.schema.json describes the file.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgeq.fixedpoint import quantize_multiplier
from edgeq.ir import TensorType
from edgeq.output import MANIFEST, TOOL
from edgeq.passes import Done
from edgeq.passes.layout import remaining_transposes
from edgeq.program import ArenaRef, ConstantRef, Layer, Port, Program
from edgeq.quantize.quantizer import Quantized

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ToolInfo:
    """Who made the files."""

    name: str
    version: str


@dataclass(frozen=True)
class ModelInfo:
    """The model file: name without its folder, format, content."""

    file: str
    format: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class QuantInfo:
    """`real = (q - zero_point) * scale`, and `scale = multiplier * 2^(shift - 31)`."""

    scale: float
    zero_point: int
    multiplier: int
    shift: int


@dataclass(frozen=True)
class PortInfo:
    """An input or output: `symbol` is its C accessor without the network's name, `tensor` its name in the file."""

    symbol: str
    tensor: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int
    offset: int
    quant: QuantInfo | None


@dataclass(frozen=True)
class ValueInfo:
    """A value in the arena; `tensor` is the index of the tensor of the file that it equals, if any."""

    name: str
    tensor: int | None
    type: str
    offset: int
    bytes: int


@dataclass(frozen=True)
class LayerInfo:
    """One layer.

    Attributes:
        index: what the AFTER_LAYER macro of the generated code gets.
        op: of edgeq's IR.
        source: the operator of the file.
        kernel: the C kernel; None for a view.
        placement: "own" memory, "in place" of an input, "overlapping" one that is read ahead of it, or a "view" of its
            inputs, which takes no time.
        macs: multiply-accumulates.
        weight_bytes: constants in flash, counted at the first layer that uses them.
        scratch_bytes: memory that only this layer uses.
        outputs: what it makes.
    """

    index: int
    op: str
    source: str
    kernel: str | None
    placement: str
    macs: int
    weight_bytes: int
    scratch_bytes: int
    outputs: tuple[ValueInfo, ...]


@dataclass(frozen=True)
class BlockInfo:
    """A stretch of the arena that is in use at the peak; no values: scratch memory."""

    offset: int
    bytes: int
    values: tuple[str, ...]


@dataclass(frozen=True)
class MemoryInfo:
    """The arena.

    Attributes:
        arena_bytes: its size.
        lower_bound_bytes: what no plan can undercut: the sum of what is live at `peak_layer`, less `shared_bytes`.
        peak_layer: the layer at which most is live.
        shared_bytes: that the output of that layer can take over from inputs of it.
        live_at_peak: the sum.
    """

    arena_bytes: int
    lower_bound_bytes: int
    peak_layer: int
    shared_bytes: int
    live_at_peak: tuple[BlockInfo, ...]


@dataclass(frozen=True)
class TensorQuantInfo:
    """How one activation was quantized: `method` chose the range; `low`, `high` and `sqnr_db` are of the samples."""

    name: str
    tensor: str
    encoding: str
    method: str
    low: float | None
    high: float | None
    sqnr_db: float | None


@dataclass(frozen=True)
class WeightQuantInfo:
    """How the weights of one node were rounded, and their signal to noise ratio."""

    node: str
    method: str
    sqnr_db: float | None


@dataclass(frozen=True)
class MethodInfo:
    """A way to choose ranges, and the SQNR of the outputs with activations quantized so, on the samples."""

    name: str
    sqnr_db: float | None


@dataclass(frozen=True)
class QuantizationInfo:
    """What the quantizer did. `methods` are those that were compared, the best first."""

    rounding: str
    samples: int
    methods: tuple[MethodInfo, ...]
    tensors: tuple[TensorQuantInfo, ...]
    weights: tuple[WeightQuantInfo, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class TransposeInfo:
    """A transpose that is done at run time, and why it could not be avoided."""

    node: str
    reason: str


@dataclass(frozen=True)
class PassInfo:
    """What a pass changed, a sentence per change."""

    name: str
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """Everything about one compilation."""

    schema_version: int
    tool: ToolInfo
    name: str
    model: ModelInfo
    options: Mapping[str, Any]
    inputs: tuple[PortInfo, ...]
    outputs: tuple[PortInfo, ...]
    macs: int
    weight_bytes: int
    memory: MemoryInfo
    layers: tuple[LayerInfo, ...]
    kernels: tuple[str, ...]
    passes: tuple[PassInfo, ...]
    transposes: tuple[TransposeInfo, ...]
    quantization: QuantizationInfo | None
    files: tuple[str, ...]

    def to_json(self) -> str:
        """The text of report.json."""
        return json.dumps(asdict(self), indent=2) + "\n"


def build_report(
    program: Program,
    model: ModelInfo,
    done: Sequence[Done],
    *,
    options: Mapping[str, Any],
    version: str,
    files: Sequence[str],
    quantized: Quantized | None = None,
) -> Report:
    """Collect what is known of a compiled program.

    Args:
        program: what the files were printed from.
        model: the file it came from.
        done: what the passes did.
        options: as chosen, by name.
        version: of edgeq.
        files: the paths of all other files in the output folder.
        quantized: what the quantizer did, if it had to.
    """
    return Report(
        schema_version=SCHEMA_VERSION,
        tool=ToolInfo(TOOL, version),
        name=program.name,
        model=model,
        options=options,
        inputs=tuple(_port(p, f"in_{i}") for i, p in enumerate(program.inputs, 1)),
        outputs=tuple(_port(p, f"out_{i}") for i, p in enumerate(program.outputs, 1)),
        macs=program.macs,
        weight_bytes=program.weight_bytes,
        memory=_memory(program),
        layers=_layers(program),
        kernels=tuple(k.name for k in program.kernels),
        passes=tuple(PassInfo(d.name, d.changes) for d in done),
        transposes=tuple(TransposeInfo(n, r) for n, r in remaining_transposes(program.graph)),
        quantization=None if quantized is None else quantization_info(quantized),
        files=tuple(sorted([*files, MANIFEST])),
    )


def quantization_info(quantized: Quantized) -> QuantizationInfo:
    """What the quantizer did, as plain data."""
    return QuantizationInfo(
        rounding=quantized.graph.rounding.value,
        samples=quantized.samples,
        methods=tuple(MethodInfo(c.name, _db(c.sqnr)) for c in quantized.candidates),
        tensors=tuple(
            TensorQuantInfo(t.value, t.tensor, str(t.encoding), t.method, t.low, t.high, _db(t.sqnr))
            for t in quantized.tensors
        ),
        weights=tuple(WeightQuantInfo(w.node, w.method, _db(w.sqnr)) for w in quantized.layers),
        notes=quantized.notes,
    )


def _db(value: float | None) -> float | None:
    """JSON has no infinity: what has no noise has no ratio."""
    return None if value is None or not math.isfinite(value) else round(value, 3)


def _port(port: Port, symbol: str) -> PortInfo:
    type_ = port.type
    return PortInfo(symbol, port.name, type_.dtype.value, type_.shape, type_.bytes, port.offset, _quant(type_))


def _quant(type_: TensorType) -> QuantInfo | None:
    if type_.quant is None:
        return None
    return QuantInfo(type_.scale, type_.zero_point, *quantize_multiplier(type_.scale))


def _memory(program: Program) -> MemoryInfo:
    plan = program.plan
    live = tuple(BlockInfo(b.offset, b.size, b.values) for b in plan.live_at_peak)
    return MemoryInfo(plan.size, plan.lower_bound, plan.peak, plan.shared, live)


def _layers(program: Program) -> tuple[LayerInfo, ...]:
    counted: set[str] = set()
    layers = []
    for layer in program.layers:
        new = _constants(layer) - counted
        counted |= new
        layers.append(
            LayerInfo(
                index=layer.index,
                op=layer.node.op,
                source=layer.node.source,
                kernel=layer.kernel.name if layer.kernel else None,
                placement=_placement(program, layer),
                macs=layer.macs,
                weight_bytes=sum(program.constants[s].nbytes for s in new),
                scratch_bytes=layer.kernel.scratch(layer.params) if layer.kernel and layer.kernel.scratch else 0,
                outputs=tuple(_value(program, o) for o in layer.outputs),
            )
        )
    return tuple(layers)


def _constants(layer: Layer) -> set[str]:
    return {*layer.symbols.values(), *(i.symbol for i in layer.inputs if isinstance(i, ConstantRef))}


def _placement(program: Program, layer: Layer) -> str:
    if layer.kernel is None:
        return "view"
    (begin, end), *inputs = (
        (ref.offset, ref.offset + program.graph.types[ref.value].bytes)
        for ref in (layer.outputs[0], *layer.inputs)
        if isinstance(ref, ArenaRef)
    )
    if begin in (first for first, _ in inputs):
        return "in place"
    return "overlapping" if any(first < end and begin < last for first, last in inputs) else "own"


def _value(program: Program, ref: ArenaRef) -> ValueInfo:
    type_ = program.graph.types[ref.value]
    origin = program.graph.origins.get(ref.value)
    return ValueInfo(ref.value, origin.index if origin else None, str(type_), ref.offset, type_.bytes)
