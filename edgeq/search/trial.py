"""One assignment for real: the model quantized, compiled, profiled on its target, and run on samples held out."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgeq.analysis import compare
from edgeq.compiler import CompiledModel
from edgeq.goals import Goal
from edgeq.profile import profile
from edgeq.quantize.layers import layer_of
from edgeq.search.assignment import Assignment
from edgeq.search.setting import Bench
from edgeq.targets import read_target


@dataclass(frozen=True)
class Trial:
    """What an assignment costs, and how well it does on samples that nothing was fitted on.

    Attributes:
        assignment: what was tried.
        weight_bytes: of the weights alone, as the kernels have them packed, of all layers.
        constant_bytes: of all constants in flash.
        flash: bytes: of the whole image on the target or, without one, of the constants.
        ram: bytes: arena, variables and stack on the target or, without one, of the arena.
        cycles: of a run on the target; None without one.
        sqnr: of the first output, before a softmax, in dB; infinite where nothing differs.
        top1: share of samples that the C puts into the right class; None without labels.
        drop: points of top-1 that are lost; negative where some are won.
        flips: share of samples that change their class.
    """

    assignment: Assignment
    weight_bytes: int
    constant_bytes: int
    flash: int
    ram: int
    cycles: int | None
    sqnr: float
    top1: float | None = None
    drop: float | None = None
    flips: float | None = None

    def document(self) -> dict[str, Any]:
        """For JSON, which has no infinity: the SQNR is null where nothing differs."""
        assignment = {"weights": dict(self.assignment.weights), "wide": [*self.assignment.wide]}
        return asdict(self) | {"assignment": assignment, "sqnr": self.sqnr if math.isfinite(self.sqnr) else None}

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> "Trial":
        """The inverse of `document`."""
        assignment = Assignment(document["assignment"]["weights"], tuple(document["assignment"]["wide"]))
        sqnr = math.inf if document["sqnr"] is None else document["sqnr"]
        return Trial(**{**document, "assignment": assignment, "sqnr": sqnr})


def attempt(bench: Bench, assignment: Assignment) -> Trial:
    """Try an assignment; EdgeqError where it cannot be compiled."""
    compiled = bench.compile(assignment.scheme(bench.setting.scheme))
    flash, ram, cycles = _resources(compiled)
    result = compare(compiled, bench.judged_on, layers=False)
    first, accuracy = result.outputs[0], result.accuracy
    return Trial(
        assignment=assignment,
        weight_bytes=_weight_bytes(compiled),
        constant_bytes=compiled.program.weight_bytes,
        flash=flash,
        ram=ram,
        cycles=cycles,
        sqnr=(first.scores or first.output).sqnr,
        top1=accuracy.c if accuracy else None,
        drop=100 * (accuracy.real - accuracy.c) if accuracy else None,
        flips=accuracy.flips if accuracy else None,
    )


def _resources(compiled: CompiledModel) -> tuple[int, int, int | None]:
    """Flash, RAM and cycles."""
    options = compiled.report.options
    if options["target"] is None:
        return compiled.program.weight_bytes, compiled.program.plan.size, None
    found = profile(compiled, read_target(options["target"]), goal=Goal(options["optimize"]))
    return found.flash_bytes, found.ram_bytes, found.cycles


def _weight_bytes(compiled: CompiledModel) -> int:
    program = compiled.program
    found = {}
    for layer in program.layers:
        if layer.kernel is not None and layer_of(program.graph, layer.node) is not None:
            type_ = program.graph.types[layer.node.inputs[1]]
            bits = layer.kernel.stored_bits(type_.dtype.bits) or type_.dtype.bits
            found[layer.node.inputs[1]] = -(-type_.size * bits // 8)
    return sum(found.values())
