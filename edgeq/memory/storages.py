"""Values to storages: stretches of memory that hold one value, or several that are the same bytes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from edgeq.memory.packing import Interval

START = -1
"""The time at which the graph's inputs are written: before the first step."""


@dataclass(frozen=True)
class Step:
    """One operation, as far as memory is concerned.

    Attributes:
        reads: run-time inputs in the arena, in the kernel's order; constants are left out.
        writes: outputs.
        scratch: bytes needed during this step only.
        aliases: byte offset of each input within the output, if the output is nothing but its inputs; None otherwise.
            Honoured where possible; the step then needs no call.
        inplace: indices of `reads` in whose place the first output may lie, if it is not larger.
        overlap: for each of `reads`, how many bytes before it the first output has to begin, at least, to share
            memory with it; None where they have to be apart, as where the tuple ends.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    scratch: int = 0
    aliases: tuple[int, ...] | None = None
    inplace: tuple[int, ...] = ()
    overlap: tuple[int | None, ...] = ()


@dataclass
class Storage:
    """A stretch of memory and the values in it, with their offsets; live from birth to death, both included."""

    size: int
    birth: int
    death: int
    members: dict[str, int] = field(default_factory=dict)


class Storages:
    """Every value's storage, while values are being joined."""

    def __init__(self, sizes: Mapping[str, int], births: Mapping[str, int], deaths: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.of = {v: Storage(size, births[v], deaths[v], {v: 0}) for v, size in sizes.items()}

    def offset(self, value: str) -> int:
        """Of a value in its storage."""
        return self.of[value].members[value]

    def distinct(self) -> list[Storage]:
        """Each once."""
        return list({id(s): s for s in self.of.values()}.values())

    def join_alias(self, step: Step) -> bool:
        """Let the output and the inputs share bytes if they can; returns whether they do."""
        if step.aliases is None or len(step.aliases) != len(step.reads):
            return False
        output = step.writes[0]
        if len(step.reads) == 1:
            self._join(output, step.reads[0], -step.aliases[0])
            return True
        homes = [self.of[v] for v in step.reads]
        fill = all(self.of[v].size == self.sizes[v] for v in step.reads)
        if not fill or len({id(h) for h in homes}) < len(homes):
            return False
        for value, offset in zip(step.reads, step.aliases, strict=True):
            self._join(value, output, offset)
        return True

    def _join(self, value: str, home: str, offset: int) -> None:
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


def lifetimes(
    sizes: Mapping[str, int], steps: Sequence[Step], inputs: Sequence[str], kept: Iterable[str]
) -> tuple[dict[str, int], dict[str, int]]:
    """When each value is first written and last read; `kept` are read after the last step.

    Inputs live until the first step, even if nothing reads them: no set that is live before it is larger than in it.
    """
    births = dict.fromkeys(inputs, START)
    deaths = dict.fromkeys(inputs, 0)
    for index, step in enumerate(steps):
        for value in step.writes:
            births[value] = deaths[value] = index
        for value in step.reads:
            deaths[value] = index
    deaths.update(dict.fromkeys(kept, len(steps)))
    return {v: births[v] for v in sizes}, {v: deaths[v] for v in sizes}


@dataclass(frozen=True)
class Takeover:
    """Memory that the output of a step can take over, if nothing needs it after the step.

    Attributes:
        storage: what the step reads.
        forbidden: how far behind the beginning of that the storage of the output must not begin.
    """

    storage: Storage
    forbidden: tuple[Interval, ...]


def takeovers(index: int, step: Step, storages: Storages, alignment: int) -> list[Takeover]:
    """What the output of a step takes over: storages that die in it, for one that is born in it.

    Nothing but the step itself can be disturbed then: what it reads of a storage says where the output must not begin.
    """
    home = storages.of[step.writes[0]] if step.writes else None
    if home is None or home.birth != index:
        return []
    return [t for t in possible_takeovers(step, storages, alignment) if t.storage.death == index]


def possible_takeovers(step: Step, storages: Storages, alignment: int) -> list[Takeover]:
    """The same for all that it reads, in whatever order the steps run."""
    home = storages.of[step.writes[0]] if step.writes else None
    if home is None or any(storages.of[v] is home for v in (*step.writes[1:], *step.reads)):
        return []
    found: dict[int, list[Interval]] = {}
    for position, value in enumerate(step.reads):
        found.setdefault(id(storages.of[value]), []).extend(_forbidden(step, position, storages, alignment))
    read = {id(storages.of[v]): storages.of[v] for v in step.reads}
    return [Takeover(read[key], tuple(forbidden)) for key, forbidden in found.items()]


def _forbidden(step: Step, position: int, storages: Storages, alignment: int) -> list[Interval]:
    """Where the output's storage must not begin for the sake of one input, from the beginning of that one's storage."""
    value, output = step.reads[position], step.writes[0]
    same_place = storages.offset(value) - storages.offset(output)
    least = step.overlap[position] if position < len(step.overlap) else None
    before = storages.sizes[output] if least is None else min(least, storages.sizes[output])
    low = (same_place - before) // alignment * alignment
    high = -(-(same_place + storages.sizes[value]) // alignment) * alignment
    if low >= high:
        return []
    fits = storages.sizes[output] <= storages.sizes[value] and same_place % alignment == 0
    if position in step.inplace and fits and low < same_place < high:
        return [(low, same_place), (same_place, high)]
    return [(low, high)]
