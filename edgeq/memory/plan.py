"""The plan of an arena, and how it is made."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeq.memory.packing import Handover, Item, largest_load, pack
from edgeq.memory.storages import Step, Storage, Storages, lifetimes, takeovers

ALIGNMENT = 4
"""Bytes; every storage begins at a multiple at least, so that kernels may load whole words."""


@dataclass(frozen=True)
class Problem:
    """What is to be laid out.

    Attributes:
        sizes: bytes of every value in the arena.
        steps: in execution order.
        inputs: values written before the first step.
        outputs: values read after the last.
        keep_inputs: whether the inputs must survive the run.
        alignment: bytes; every storage begins at a multiple. `ALIGNMENT`, or more where elements are wider.
    """

    sizes: Mapping[str, int]
    steps: Sequence[Step]
    inputs: Sequence[str]
    outputs: Sequence[str]
    keep_inputs: bool = False
    alignment: int = ALIGNMENT

    @property
    def kept(self) -> tuple[str, ...]:
        """The values that are read after the last step."""
        return (*self.outputs, *(self.inputs if self.keep_inputs else ()))


@dataclass(frozen=True)
class Block:
    """A stretch of the arena that is in use from one step to another, both included.

    Attributes:
        offset: in the arena, bytes.
        size: bytes.
        first: the step before or in which it is written; -1 for the inputs of the graph.
        last: the last step that reads it; the number of steps for the outputs of the graph.
        values: what shares it; none for scratch memory.
    """

    offset: int
    size: int
    first: int
    last: int
    values: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Where everything lies.

    Attributes:
        size: bytes of the arena.
        alignment: bytes; the arena, and every storage in it, begins at a multiple.
        lower_bound: bytes that are live at the worst step: no plan with these storages is smaller.
        offsets: byte offset of every value.
        scratch: byte offset of each step's scratch memory; None where it needs none.
        elided: for each step, whether its output lies where its inputs are, so that nothing has to be done.
        peak: the step with the largest live set.
        shared: bytes that the output of the step `peak` can take over from the inputs that die there: the blocks that
            are live then have so many bytes more than `lower_bound`.
        blocks: what the values and the scratch memories occupy.
    """

    size: int
    alignment: int
    lower_bound: int
    offsets: Mapping[str, int]
    scratch: tuple[int | None, ...]
    elided: tuple[bool, ...]
    peak: int
    shared: int
    blocks: tuple[Block, ...]

    @property
    def live_at_peak(self) -> tuple[Block, ...]:
        """The blocks that make the lower bound, by offset."""
        live = [b for b in self.blocks if b.first <= self.peak <= b.last]
        return tuple(sorted(live, key=lambda b: b.offset))


def plan(problem: Problem) -> Plan:
    """Lay out all values of a problem."""
    best = _plan(problem, frozenset())
    assert best is not None
    # Writing straight into a concatenation, or reading a part where it lies, keeps the whole memory alive longer; where
    # that costs more than a copy, copy.
    copied: frozenset[int] = frozenset()
    for index in (i for i, step in enumerate(problem.steps) if _joins_parts(step, problem.sizes)):
        candidate = _plan(problem, copied | {index}, below=best.size)
        if candidate is not None and candidate.size < best.size:
            best, copied = candidate, copied | {index}
    return best


def _joins_parts(step: Step, sizes: Mapping[str, int]) -> bool:
    """Whether a step's alias ties a value to the memory of a larger one."""
    return step.aliases is not None and any(sizes[v] != sizes[step.writes[0]] for v in step.reads)


def _plan(problem: Problem, copied: frozenset[int], *, below: float = math.inf) -> Plan | None:
    """The plan in which the steps in `copied` copy; None where its lower bound is not `below` some bytes."""
    steps, alignment = problem.steps, problem.alignment
    storages = Storages(problem.sizes, *lifetimes(problem.sizes, steps, problem.inputs, problem.kept))
    elided = tuple(index not in copied and storages.join_alias(step) for index, step in enumerate(steps))
    stretches = storages.distinct()
    scratch = {i: Storage(s.scratch, i, i) for i, s in enumerate(steps) if s.scratch and not elided[i]}
    number = {id(s): k for k, s in enumerate((*stretches, *scratch.values()))}
    items = [Item(aligned(s.size, alignment), s.birth, s.death) for s in (*stretches, *scratch.values())]
    handovers = [
        Handover(number[id(taken.storage)], number[id(storages.of[step.writes[0]])], taken.forbidden)
        for index, step in enumerate(steps)
        if not elided[index]
        for taken in takeovers(index, step, storages, alignment)
    ]
    load = largest_load(items, handovers)
    if load.bytes >= below:
        return None
    places, size = pack(items, handovers, load.bytes)
    members = [*(tuple(s.members) for s in stretches), *(() for _ in scratch)]
    return Plan(
        size=size,
        alignment=alignment,
        lower_bound=load.bytes,
        offsets={v: places[number[id(storages.of[v])]] + storages.offset(v) for v in problem.sizes},
        scratch=tuple(places[number[id(scratch[i])]] if i in scratch else None for i in range(len(steps))),
        elided=elided,
        peak=load.time,
        shared=load.shared,
        blocks=tuple(
            Block(place, item.size, item.birth, item.death, values)
            for place, item, values in zip(places, items, members, strict=True)
        ),
    )


def aligned(size: int, alignment: int) -> int:
    """The size rounded up to a multiple."""
    return -(-size // alignment) * alignment
