"""What was executed: how often each block of code followed each other one, by layer.

A block is a stretch of instructions that is entered at its first only. Emulators report each block as it is entered;
what a block costs follows from its code, from the instruction before it and from where it jumps, so nothing is counted
instruction by instruction.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_SHIFT = 32


@dataclass
class Trace:
    """A record in the making.

    Attributes:
        marks: address to the layer that begins there.
        before: the block entered last.
        layer: to which it belongs.
        sizes: address of each block seen to its bytes.
        counts: by layer: how often one block followed another, as `before << 32 | after`.
        switches: transitions into blocks with marks: (layer before, before, after).
    """

    marks: Mapping[int, int]
    sizes: dict[int, int] = field(default_factory=dict)
    counts: dict[int, dict[int, int]] = field(default_factory=dict)
    switches: list[tuple[int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sorted = sorted(self.marks)
        self.begin()

    def begin(self) -> None:
        """The next block is the first of an inference."""
        self.before = 0
        self.layer = 0
        self._counts = self.counts.setdefault(self.layer, {})

    def enter(self, address: int, size: int) -> None:
        """A block was entered."""
        key = self.before << _SHIFT | address
        self.before = address
        try:
            self._counts[key] += 1
        except KeyError:
            self._enter_first(key, address, size)

    def _enter_first(self, key: int, address: int, size: int) -> None:
        """A transition that is new in this layer. Those into blocks with marks always are: they are kept apart."""
        self.sizes[address] = size
        passed = self.passed(address, size)
        if not passed:
            self._counts[key] = 1
            return
        self.switches.append((self.layer, key >> _SHIFT, address))
        self.layer = self.marks[passed[-1]]
        self._counts = self.counts.setdefault(self.layer, {})

    def passed(self, address: int, size: int) -> list[int]:
        """The marks within a block."""
        return self._sorted[bisect_left(self._sorted, address) : bisect_left(self._sorted, address + size)]

    def transitions(self) -> Iterator[tuple[int, int, int, int]]:
        """(layer, block before, block, how often); 0 is before the first block. Those into marks are not among them."""
        for layer, counts in self.counts.items():
            for key, count in counts.items():
                yield layer, key >> _SHIFT, key & 0xFFFFFFFF, count
