"""Plans the arena: which values share memory, and where each lies.

Three steps. Values whose bytes are those of another (views, parts of a concatenation) join its storage. Outputs that
may overwrite a dying input join that input's storage. The storages, rectangles of bytes x time, are then packed: the
largest live set is a lower bound, and packing stops when it is reached.
"""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

ALIGNMENT = 4
"""Bytes; every storage begins at a multiple at least, so that kernels may load whole words."""

_SEARCH_ROUNDS = 300  # random reorderings tried where the heuristics miss the lower bound
_START = -1  # the time at which the graph's inputs are written: before the first step


@dataclass(frozen=True)
class Step:
    """One operation, as far as memory is concerned.

    Attributes:
        reads: run-time inputs in the arena, in the kernel's order; constants are left out.
        writes: outputs.
        scratch: bytes needed during this step only.
        aliases: byte offset of each input within the output, if the output is nothing but its inputs; None otherwise.
            Honoured where possible; the step then needs no call.
        inplace: indices of `reads` whose memory the first output may share.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    scratch: int = 0
    aliases: tuple[int, ...] | None = None
    inplace: tuple[int, ...] = ()


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
        blocks: what the values and the scratch memories occupy.
    """

    size: int
    alignment: int
    lower_bound: int
    offsets: Mapping[str, int]
    scratch: tuple[int | None, ...]
    elided: tuple[bool, ...]
    peak: int
    blocks: tuple[Block, ...]

    @property
    def live_at_peak(self) -> tuple[Block, ...]:
        """The blocks that make the lower bound, by offset."""
        live = [b for b in self.blocks if b.first <= self.peak <= b.last]
        return tuple(sorted(live, key=lambda b: b.offset))


def plan(
    sizes: Mapping[str, int],
    steps: Sequence[Step],
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    keep_inputs: bool = False,
    alignment: int = ALIGNMENT,
) -> Plan:
    """Lay out all values of `sizes`.

    Args:
        sizes: bytes of every value in the arena.
        steps: in execution order.
        inputs: values written before the first step.
        outputs: values read after the last.
        keep_inputs: whether the inputs must survive the run.
        alignment: bytes; every storage begins at a multiple. `ALIGNMENT`, or more where elements are wider.
    """
    best = _plan(sizes, steps, inputs, outputs, keep_inputs, alignment, frozenset())
    assert best is not None
    # Writing straight into a concatenation, or reading a part where it lies, keeps the whole memory alive longer; where
    # that costs more than a copy, copy.
    copied: frozenset[int] = frozenset()
    for index in (i for i, step in enumerate(steps) if _joins_parts(step, sizes)):
        candidate = _plan(sizes, steps, inputs, outputs, keep_inputs, alignment, copied | {index}, below=best.size)
        if candidate is not None and candidate.size < best.size:
            best, copied = candidate, copied | {index}
    return best


def _joins_parts(step: Step, sizes: Mapping[str, int]) -> bool:
    """Whether a step's alias ties a value to the memory of a larger one."""
    return step.aliases is not None and any(sizes[v] != sizes[step.writes[0]] for v in step.reads)


@dataclass
class _Storage:
    """A stretch of memory and the values in it, with their offsets; live from birth to death, both included."""

    size: int
    birth: int
    death: int
    members: dict[str, int] = field(default_factory=dict)


class _Storages:
    """Every value's storage, while values are being joined."""

    def __init__(self, sizes: Mapping[str, int], births: Mapping[str, int], deaths: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.of = {v: _Storage(size, births[v], deaths[v], {v: 0}) for v, size in sizes.items()}

    def offset(self, value: str) -> int:
        return self.of[value].members[value]

    def fills(self, value: str) -> bool:
        """Whether a value takes up its whole storage."""
        return self.of[value].size == self.sizes[value]

    def join(self, value: str, home: str, offset: int) -> None:
        """Move the whole storage of `value` into that of `home`, `value` at `offset` from `home`."""
        moved, into = self.of[value], self.of[home]
        shift = into.members[home] + offset - moved.members[value]
        for member, place in moved.members.items():
            into.members[member] = place + shift
            self.of[member] = into
        low = min(0, shift)
        if low < 0:
            into.members = {m: place - low for m, place in into.members.items()}
        into.size = max(into.size, shift + moved.size) - low
        into.birth = min(into.birth, moved.birth)
        into.death = max(into.death, moved.death)

    def distinct(self) -> list[_Storage]:
        return list({id(s): s for s in self.of.values()}.values())


def _plan(
    sizes: Mapping[str, int],
    steps: Sequence[Step],
    inputs: Sequence[str],
    outputs: Sequence[str],
    keep_inputs: bool,
    alignment: int,
    copied: frozenset[int],
    *,
    below: float = math.inf,
) -> Plan | None:
    """The plan in which the steps in `copied` copy; None where its lower bound is not `below` some bytes."""
    births, deaths = _lifetimes(sizes, steps, inputs, [*outputs, *(inputs if keep_inputs else ())])
    storages = _Storages(sizes, births, deaths)
    elided = tuple(index not in copied and _join_alias(step, storages) for index, step in enumerate(steps))
    for index, step in enumerate(steps):
        if not elided[index]:
            _join_inplace(index, step, storages)
    blocks = storages.distinct()
    scratch = {i: _Storage(s.scratch, i, i) for i, s in enumerate(steps) if s.scratch and not elided[i]}
    rectangles = [(_aligned(s.size, alignment), s.birth, s.death) for s in (*blocks, *scratch.values())]
    bound, peak = _largest_live_set(rectangles, len(steps))
    if bound >= below:
        return None
    members = [*(tuple(s.members) for s in blocks), *(() for _ in scratch)]
    places, size = _pack(rectangles, bound)
    at = {id(s): place for s, place in zip((*blocks, *scratch.values()), places, strict=True)}
    return Plan(
        size=size,
        alignment=alignment,
        lower_bound=bound,
        offsets={v: at[id(storages.of[v])] + storages.offset(v) for v in sizes},
        scratch=tuple(at[id(scratch[i])] if i in scratch else None for i in range(len(steps))),
        elided=elided,
        peak=peak,
        blocks=tuple(
            Block(place, height, birth, death, values)
            for place, (height, birth, death), values in zip(places, rectangles, members, strict=True)
        ),
    )


def _lifetimes(
    sizes: Mapping[str, int], steps: Sequence[Step], inputs: Sequence[str], kept: Iterable[str]
) -> tuple[dict[str, int], dict[str, int]]:
    """When each value is first written and last read."""
    births = dict.fromkeys(inputs, _START)
    deaths = dict.fromkeys(inputs, _START)
    for index, step in enumerate(steps):
        for value in step.writes:
            births[value] = deaths[value] = index
        for value in step.reads:
            deaths[value] = index
    deaths.update(dict.fromkeys(kept, len(steps)))
    return {v: births[v] for v in sizes}, {v: deaths[v] for v in sizes}


def _join_alias(step: Step, storages: _Storages) -> bool:
    """Let the output and the inputs share bytes if they can; returns whether they do."""
    if step.aliases is None or len(step.aliases) != len(step.reads):
        return False
    output = step.writes[0]
    if len(step.reads) == 1:
        storages.join(output, step.reads[0], -step.aliases[0])
        return True
    homes = [storages.of[v] for v in step.reads]
    if len({id(h) for h in homes}) < len(homes) or not all(storages.fills(v) for v in step.reads):
        return False
    for value, offset in zip(step.reads, step.aliases, strict=True):
        storages.join(value, output, offset)
    return True


def _join_inplace(index: int, step: Step, storages: _Storages) -> None:
    """Let the output overwrite an input that dies here, if nobody else needs those bytes.

    Another operand may be the same bytes, as in `x * x`, but no part of them: in `x + x[0]` the first row would be
    overwritten before the second one reads it.
    """
    if not step.writes:
        return
    output = step.writes[0]
    for candidate in step.inplace:
        value = step.reads[candidate]
        storage = storages.of[value]
        same_size = storages.fills(output) and storages.fills(value) and storages.sizes[output] == storages.sizes[value]
        neighbours = [(i, v) for i, v in enumerate(step.reads) if storages.of[v] is storage]
        safe = all(i in step.inplace and storages.fills(v) for i, v in neighbours)
        if same_size and storage.death == index and safe and storages.of[output] is not storage:
            storages.join(output, value, 0)
            return


def _aligned(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


_Rectangle = tuple[int, int, int]
"""Bytes, birth, death."""


def _largest_live_set(rectangles: Sequence[_Rectangle], steps: int) -> tuple[int, int]:
    """Bytes live at the worst time, and that time (as a step)."""
    change = [0] * (steps - _START + 2)
    for size, birth, death in rectangles:
        change[birth - _START] += size
        change[death - _START + 1] -= size
    live = list(accumulate(change))
    bound = max(live)
    return bound, max(0, live.index(bound) + _START)


def _pack(rectangles: Sequence[_Rectangle], bound: int) -> tuple[list[int], int]:
    """Offsets such that no two rectangles overlap in both bytes and time, and the height used.

    First fit along several orders; then, while the bound is not reached, along random neighbours of the best order
    (seeded: the same graph always gets the same plan).
    """
    indices = range(len(rectangles))
    sizes, births, deaths = zip(*rectangles, strict=True) if rectangles else ((), (), ())
    orders = [
        sorted(indices, key=lambda i: (-sizes[i], births[i])),
        sorted(indices, key=lambda i: (-sizes[i] * (deaths[i] - births[i] + 1), births[i])),
        sorted(indices, key=lambda i: (births[i] - deaths[i], -sizes[i])),
        sorted(indices, key=lambda i: (births[i], -sizes[i])),
    ]
    results = [(_first_fit(rectangles, order), order) for order in orders]
    (best, height), order = min(results, key=lambda r: r[0][1])
    rng = random.Random(0)  # noqa: S311 - a search, not a secret
    for _ in range(_SEARCH_ROUNDS if len(rectangles) > 1 else 0):
        if height <= bound:
            break
        neighbour = list(order)
        i, j = rng.sample(indices, 2)
        neighbour.insert(j, neighbour.pop(i))
        places, candidate = _first_fit(rectangles, neighbour)
        if candidate <= height:
            best, height, order = places, candidate, neighbour
    return best, height


def _first_fit(rectangles: Sequence[_Rectangle], order: Sequence[int]) -> tuple[list[int], int]:
    """Place each rectangle at the lowest offset that is free for its whole life."""
    places = [0] * len(rectangles)
    placed: list[int] = []
    height = 0
    for index in order:
        size, birth, death = rectangles[index]
        busy = sorted(
            (places[other], places[other] + rectangles[other][0])
            for other in placed
            if rectangles[other][1] <= death and birth <= rectangles[other][2]
        )
        offset = 0
        for begin, end in busy:
            if begin - offset >= size:
                break
            offset = max(offset, end)
        places[index] = offset
        placed.append(index)
        height = max(height, offset + size)
    return places, height
