"""What a network costs on a board, before anybody flashes it: measured on the emulated core.

Instructions, stack and sizes are those of the linked image. Cycles follow from the executed instructions and the core's
table (`targets/timing`), with memories that never wait; where the table is an estimate, the profile says so. What the
board's flash adds is always an estimate.
"""

from dataclasses import dataclass

import numpy as np

from edgeq import golden
from edgeq.compiler import CompiledModel
from edgeq.emulation import Run, emulate
from edgeq.errors import EdgeqError
from edgeq.firmware import Excess, Sizes
from edgeq.goals import Goal
from edgeq.shortage import arena_shortage
from edgeq.targets import Board

COMPILER_FLAGS = {Goal.SPEED: "-O2", Goal.BALANCED: "-O2", Goal.SIZE: "-Os", Goal.RAM: "-Os"}
"""What the C compiler is told, by what the network is made small or short in."""


@dataclass(frozen=True)
class LayerProfile:
    """One layer.

    Attributes:
        index: in the program.
        op: of the graph.
        source: the operator of the file.
        kernel: the C function; None for a view.
        macs: multiply-accumulates.
        instructions: executed ones.
        cycles: of the clock, with memories that never wait.
        waits: further cycles for the board's flash: an estimate.
        milliseconds: of both, at the board's clock; None where it has none.
        share: of all cycles, waits included.
        scratch_bytes: memory in the arena that only this layer uses.
    """

    index: int
    op: str
    source: str
    kernel: str | None
    macs: int
    instructions: int
    cycles: int
    waits: int
    milliseconds: float | None
    share: float
    scratch_bytes: int


@dataclass(frozen=True)
class Profile:
    """One inference on one board.

    Attributes:
        target: the board.
        title: of the board.
        core: of the board.
        clock: Hz; None for an ideal board.
        compiler: with its version and flags.
        cycles_source: where the cycles of instructions come from.
        approximate: whether those are an estimate.
        layers: in order.
        macs: of all layers.
        instructions: of all layers.
        cycles: of all layers.
        waits: of all layers.
        milliseconds: of all layers.
        sizes: of the image, in bytes.
        stack_bytes: the most that was used.
        flash_bytes: needed.
        flash_capacity: of the board's memory, without what is reserved.
        ram_bytes: needed: arena, variables and stack.
        ram_capacity: likewise.
        excess: what does not fit.
        hint: what makes the peak of the memory; "" where all fits.
    """

    target: str
    title: str
    core: str
    clock: int | None
    compiler: str
    cycles_source: str
    approximate: bool
    layers: tuple[LayerProfile, ...]
    macs: int
    instructions: int
    cycles: int
    waits: int
    milliseconds: float | None
    sizes: Sizes
    stack_bytes: int
    flash_bytes: int
    flash_capacity: int
    ram_bytes: int
    ram_capacity: int
    excess: tuple[Excess, ...]
    hint: str

    @property
    def fits(self) -> bool:
        """Whether the board has room for it."""
        return not self.excess


def profile(compiled: CompiledModel, board: Board, *, goal: Goal = Goal.BALANCED) -> Profile:
    """Run a network once on an emulated board, with the first of its golden vectors.

    Args:
        compiled: for the board's core.
        board: where to run.
        goal: what it was compiled for; the C compiler's flags follow from it.

    Raises:
        EdgeqError: where a tool is missing, the code faults, or its outputs are not those of the evaluation.
    """
    vector = golden.vectors(compiled.program.graph)[0]
    run = emulate(compiled.program, compiled.files, board, vector.inputs, optimize=COMPILER_FLAGS[goal])
    for found, wanted, port in zip(run.outputs, vector.outputs, compiled.program.outputs, strict=True):
        if not np.array_equal(found, wanted):
            count = int(np.count_nonzero(found != wanted))
            raise EdgeqError(f"output {port.name!r} differs on {board.name}: {count} of {wanted.size} elements")
    return _profile(compiled, board, run)


def _profile(compiled: CompiledModel, board: Board, run: Run) -> Profile:
    image, core = run.image, board.core
    excess = run.excess
    return Profile(
        target=board.name,
        title=board.title,
        core=core.name,
        clock=board.clock,
        compiler=" ".join((image.compiler, *image.flags)),
        cycles_source=core.timing.source,
        approximate=core.timing.approximate,
        layers=_layers(compiled, board, run),
        macs=compiled.program.macs,
        instructions=run.instructions,
        cycles=run.cycles,
        waits=run.waits,
        milliseconds=_milliseconds(run.cycles + run.waits, board),
        sizes=image.sizes,
        stack_bytes=run.stack,
        flash_bytes=image.sizes.flash,
        flash_capacity=image.flash.size - board.reserved_flash,
        ram_bytes=image.sizes.ram + run.stack,
        ram_capacity=image.ram.size - board.reserved_ram,
        excess=excess,
        hint=_hint(compiled, run),
    )


def _hint(compiled: CompiledModel, run: Run) -> str:
    """What makes the peak of the memory, where there is too little of it."""
    short = sum(e.missing for e in run.excess if e.kind == "ram")
    return (arena_shortage(compiled.program, compiled.program.plan.size - short) or "") if short else ""


def _layers(compiled: CompiledModel, board: Board, run: Run) -> tuple[LayerProfile, ...]:
    return tuple(
        LayerProfile(
            index=layer.index,
            op=layer.node.op,
            source=layer.node.source,
            kernel=layer.kernel.name.removeprefix("edgeq_") if layer.kernel else None,
            macs=layer.macs,
            instructions=cost.instructions,
            cycles=cost.cycles,
            waits=cost.waits,
            milliseconds=_milliseconds(cost.cycles + cost.waits, board),
            share=(cost.cycles + cost.waits) / max(run.cycles + run.waits, 1),
            scratch_bytes=layer.choice.taken.scratch if layer.kernel else 0,
        )
        for layer, cost in zip(compiled.program.layers, run.layers, strict=True)
    )


def _milliseconds(cycles: int, board: Board) -> float | None:
    return None if board.clock is None else 1e3 * cycles / board.clock
