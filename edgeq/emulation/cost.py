"""From a trace to instructions and cycles, by layer and by instruction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edgeq.emulation.instruction import Decode, Instruction
from edgeq.emulation.timing import jump_price, pairs, price
from edgeq.emulation.trace import Trace
from edgeq.targets import Timing


@dataclass
class Count:
    """Executed instructions and the clock cycles that they take with memories that never wait."""

    instructions: int = 0
    cycles: int = 0

    def add(self, instructions: int, cycles: int) -> None:
        """Count some more."""
        self.instructions += instructions
        self.cycles += cycles


@dataclass
class Costs:
    """What a trace costs.

    Attributes:
        layers: by index; what is behind the last one has the next index.
        places: by (layer, address of the instruction).
        code: address to instruction, of all that was executed.
    """

    layers: dict[int, Count] = field(default_factory=dict)
    places: dict[tuple[int, int], Count] = field(default_factory=dict)
    code: dict[int, Instruction] = field(default_factory=dict)

    @property
    def total(self) -> Count:
        """All layers together."""
        counts = self.layers.values()
        return Count(sum(c.instructions for c in counts), sum(c.cycles for c in counts))


def costs(trace: Trace, read: Callable[[int, int], bytes], decode: Decode, timing: Timing) -> Costs:
    """Price a trace.

    Args:
        trace: of one run or several.
        read: bytes of code by address and size.
        decode: the core's.
        timing: the core's.
    """
    blocks = {a: tuple(decode(read(a, size), a)) for a, size in trace.sizes.items()}
    pricer = _Pricer(blocks, timing)
    for layer, before, address, count in trace.transitions():
        pricer.jump(layer, before, address, count)
        pricer.body(_always(layer), before, address, count)
    for layer, before, address in trace.switches:
        pricer.jump(layer, before, address, 1)
        pricer.body(_layer_by_place(trace, layer, address), before, address, 1)
    return pricer.result()


def _always(layer: int) -> Callable[[int], int]:
    return lambda _: layer


def _layer_by_place(trace: Trace, layer: int, address: int) -> Callable[[int], int]:
    """Within a block with marks: to which layer each address belongs."""
    marks = trace.passed(address, trace.sizes[address])

    def of(place: int) -> int:
        passed = [m for m in marks if m <= place]
        return trace.marks[passed[-1]] if passed else layer

    return of


class _Pricer:
    """Sums prices by layer and address."""

    def __init__(self, blocks: Mapping[int, tuple[Instruction, ...]], timing: Timing) -> None:
        self._blocks = blocks
        self._timing = timing
        self._places: dict[tuple[int, int], Count] = {}
        self._prices: dict[tuple[int, int], list[int]] = {}

    def jump(self, layer: int, before: int, address: int, count: int) -> None:
        """What the way from one block to the next costs, beyond the price of the instruction that takes it."""
        if before:
            last = self._blocks[before][-1]
            self._count(layer, last.address).add(0, count * jump_price(last, address, self._timing))

    def body(self, layer_of: Callable[[int], int], before: int, address: int, count: int) -> None:
        """A block behind another, so many times."""
        for instruction, cycles in zip(self._blocks[address], self._block_prices(before, address), strict=True):
            self._count(layer_of(instruction.address), instruction.address).add(count, count * cycles)

    def _block_prices(self, before: int, address: int) -> list[int]:
        key = (before, address)
        if key not in self._prices:
            last = self._blocks[before][-1] if before else None
            self._prices[key] = block_prices(self._blocks[address], last, self._timing)
        return self._prices[key]

    def _count(self, layer: int, address: int) -> Count:
        return self._places.setdefault((layer, address), Count())

    def result(self) -> Costs:
        layers: dict[int, Count] = {}
        for (layer, _), count in self._places.items():
            layers.setdefault(layer, Count()).add(count.instructions, count.cycles)
        code = {i.address: i for block in self._blocks.values() for i in block}
        return Costs(layers, self._places, code)


def block_prices(block: tuple[Instruction, ...], before: Instruction | None, timing: Timing) -> list[int]:
    """Cycles of each instruction of a block behind another; where two are issued together, the second is free."""
    prices = []
    alone = True
    for instruction in block:
        together = timing.dual_issue and alone and pairs(instruction, before)
        cycles = price(instruction, before, timing)
        prices.append(max(0, cycles - 1) if together else cycles)
        alone = not together
        before = instruction
    return prices
