"""What a board's flash costs beyond the core's own cycles: an estimate, as makers say little of how caches work.

Reads of constants are followed through the cache one by one, the line longest unused goes first. Of instructions it is
known how often each was executed, not in which order: the lines that a layer executes most often are taken to stay in
the cache as far as it goes, all others to be read each time, with as many cycles less as a prefetch hides.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from edgeq.emulation.cost import Count
from edgeq.targets import Memory

_HIDDEN_BYTES = 4
"""Of a line's bytes, as many are executed in a cycle at most, while the next line is fetched ahead."""


class ConstantReads:
    """Reads of constants from a flash, and how often it was waited for.

    Args:
        memory: the flash.

    Attributes:
        misses: by layer, lines that were not in the cache.
    """

    def __init__(self, memory: Memory) -> None:
        self.misses: dict[int, int] = {}
        self._line = memory.line
        self._lines = max(1, memory.data_cache // memory.line)  # without a cache, the last line read is still there
        self._cached: OrderedDict[int, None] = OrderedDict()
        self._last = -1

    def read(self, layer: int, address: int) -> None:
        """An address was read."""
        line = address // self._line
        if line == self._last:
            return
        self._last = line
        if line in self._cached:
            self._cached.move_to_end(line)
            return
        self.misses[layer] = self.misses.get(layer, 0) + 1
        self._cached[line] = None
        if len(self._cached) > self._lines:
            self._cached.popitem(last=False)


def wait_cycles(places: Mapping[tuple[int, int], Count], misses: Mapping[int, int], memory: Memory) -> dict[int, int]:
    """Cycles that each layer waits for a flash.

    Args:
        places: executed instructions by layer and address.
        misses: by layer, reads of constants that wait.
        memory: the flash.
    """
    passes: dict[int, dict[int, int]] = {}
    for (layer, address), count in places.items():
        if memory.origin <= address < memory.end:
            lines = passes.setdefault(layer, {})
            line = address // memory.line
            lines[line] = max(lines.get(line, 0), count.instructions)
    return {
        layer: _code_waits(lines.values(), memory) + misses.get(layer, 0) * memory.wait_states
        for layer, lines in passes.items()
    }


def _code_waits(passes: Iterable[int], memory: Memory) -> int:
    """Cycles that instructions wait, from how often each line was executed in a layer."""
    ranked = sorted(passes, reverse=True)
    kept = memory.code_cache // memory.line
    hidden = memory.line // _HIDDEN_BYTES if memory.prefetch else 0
    read_again = sum(ranked[kept:]) * max(0, memory.wait_states - hidden)
    return len(ranked[:kept]) * memory.wait_states + read_again
