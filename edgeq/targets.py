"""Machines as data: `targets/<board>.toml`, `targets/cores/<core>.toml` and the cycle tables in `targets/timing`.

`read_target(name)` gives a `Board`. The name of a core is a target too: an ideal board with that core, memory for any
model, and no wait states. A path that ends in `.toml` is a board of the user's own.

A board's memories stand in the order in which they are tried: code and constants go into the first of the kind "flash"
that takes them all, everything that changes into the first "ram".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from edgeq import resources
from edgeq.errors import EdgeqError
from edgeq.records import read_record, read_toml

KINDS = ("flash", "ram")
MACHINES = ("arm", "riscv")
EMULATORS = ("unicorn", "qemu")
ISAS = ("c", "swar", "dsp", "mve")
PAGE = 4096
"""Memories begin and end at multiples of so many bytes."""

_MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Timing:
    """Cycles of instructions.

    Attributes:
        name: of its file.
        title: what it describes.
        source: where the figures come from.
        approximate: whether the maker publishes no such figures for this core.
        dual_issue: whether two independent instructions may take one cycle.
        cycles: kind of instruction, or special case, to clock cycles; `edgeq.emulation.timing` has the rules.
    """

    name: str
    title: str
    source: str
    approximate: bool
    dual_issue: bool
    cycles: Mapping[str, int]


@dataclass(frozen=True)
class Core:
    """A processor core.

    Attributes:
        name: of its file.
        title: for people.
        architecture: the instruction set.
        machine: "arm" or "riscv".
        isas: the kinds of kernels that it can run.
        gcc: flags of GCC that choose it.
        zig: flags of Zig's C compiler that choose it.
        emulator: "unicorn" or "qemu".
        model: the emulator's name of the core, or of the machine that has it.
        timing: cycles of its instructions.
    """

    name: str
    title: str
    architecture: str
    machine: str
    isas: tuple[str, ...]
    gcc: tuple[str, ...]
    zig: tuple[str, ...]
    emulator: str
    model: str
    timing: Timing


@dataclass(frozen=True)
class Memory:
    """A stretch of addresses.

    Attributes:
        name: as the data sheet has it.
        kind: "flash": keeps constants and code, and is not written; "ram".
        origin: the first address.
        size: bytes.
        wait_states: cycles that a read takes beyond the first, at the board's clock; 0 where caches hide nothing.
        line: bytes that come with one read.
        code_cache: bytes of the cache for instructions; 0: none.
        data_cache: bytes of the cache for constants; 0: none.
        prefetch: whether the next line is read while this one is used.
    """

    name: str
    kind: str
    origin: int
    size: int
    wait_states: int = 0
    line: int = 4
    code_cache: int = 0
    data_cache: int = 0
    prefetch: bool = False

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.origin + self.size


@dataclass(frozen=True)
class Board:
    """A machine that runs a network.

    Attributes:
        name: of its file.
        title: for people.
        core: its processor.
        clock: Hz; None: an ideal board, which has none.
        memories: in the order in which they are filled.
        sources: the documents with these figures.
        reserved_flash: bytes that the application keeps for itself.
        reserved_ram: the same of RAM.
    """

    name: str
    title: str
    core: Core
    clock: int | None
    memories: tuple[Memory, ...]
    sources: tuple[str, ...]
    reserved_flash: int = 0
    reserved_ram: int = 0

    def of_kind(self, kind: str) -> tuple[Memory, ...]:
        """Its memories of one kind, in order."""
        return tuple(m for m in self.memories if m.kind == kind)

    @property
    def ideal(self) -> bool:
        """Whether it stands for its core only."""
        return self.clock is None


@dataclass(frozen=True)
class _BoardFile:
    """The keys of a board's file."""

    title: str
    core: str
    clock: int
    sources: tuple[str, ...]
    memories: tuple[Memory, ...]
    reserved_flash: int = 0
    reserved_ram: int = 0


@dataclass(frozen=True)
class _CoreFile:
    """The keys of a core's file."""

    title: str
    architecture: str
    machine: str
    isas: tuple[str, ...]
    gcc: tuple[str, ...]
    zig: tuple[str, ...]
    emulator: str
    model: str
    timing: str


def core_names() -> list[str]:
    """The cores, sorted."""
    return sorted(path.stem for path in (resources.TARGETS / "cores").glob("*.toml"))


def board_names() -> list[str]:
    """The boards, sorted."""
    return sorted(path.stem for path in resources.TARGETS.glob("*.toml"))


def read_target(name: str | Path) -> Board:
    """A board by its name, that of a core, or the path of a board's file.

    Raises:
        EdgeqError: where there is none of this name, or its file is wrong.
    """
    text = str(name)
    if text.endswith(".toml"):
        return read_board(Path(name))
    if text in core_names():
        return _ideal(read_core(text))
    if text not in board_names():
        known = ", ".join([*board_names(), *core_names()])
        raise EdgeqError(f"unknown target {text!r}; accepted: {known}, or the path of a board's .toml file")
    return read_board(resources.TARGETS / f"{text}.toml")


def read_board(path: Path) -> Board:
    """A board from its file.

    Raises:
        EdgeqError: naming the file, the key and what is accepted.
    """
    document = read_toml(path)
    tables = document.pop("memories", [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise EdgeqError(f"{path}: memories; accepted: tables, each headed [[memories]]")
    memories = tuple(read_record(Memory, t, f"{path}: memory {i}") for i, t in enumerate(tables, 1))
    file = read_record(_BoardFile, document, str(path), memories=memories)
    _check_choice(path, "core", file.core, core_names())
    if file.clock <= 0:
        raise EdgeqError(f"{path}: clock is {file.clock}; accepted: Hz, at least 1")
    _check_memories(path, memories)
    _check_reserves(path, file)
    return Board(
        path.stem,
        file.title,
        read_core(file.core),
        file.clock,
        memories,
        file.sources,
        file.reserved_flash,
        file.reserved_ram,
    )


def read_core(name: str) -> Core:
    """A core by its name.

    Raises:
        EdgeqError: where there is none of this name, or its file is wrong.
    """
    path = resources.TARGETS / "cores" / f"{name}.toml"
    if name not in core_names():
        raise EdgeqError(f"unknown core {name!r}; accepted: {', '.join(core_names())}")
    file = read_record(_CoreFile, read_toml(path), str(path))
    for key, value, accepted in (
        ("machine", file.machine, MACHINES),
        ("emulator", file.emulator, EMULATORS),
        *(("isas", isa, ISAS) for isa in file.isas),
    ):
        _check_choice(path, key, value, accepted)
    fields = {key: value for key, value in vars(file).items() if key != "timing"}
    return Core(name=name, **fields, timing=read_timing(file.timing))


def read_timing(name: str) -> Timing:
    """A table of cycles by its name.

    Raises:
        EdgeqError: where there is none of this name, or its file is wrong.
    """
    folder = resources.TARGETS / "timing"
    path = folder / f"{name}.toml"
    _check_choice(path, "timing", name, sorted(p.stem for p in folder.glob("*.toml")))
    return read_record(Timing, read_toml(path), str(path), name=name)


def _ideal(core: Core) -> Board:
    """A board that adds nothing to its core: no wait states, memory for everything."""
    memories = (
        Memory("flash", "flash", 0x0800_0000, 64 * _MEGABYTE),
        Memory("ram", "ram", 0x2000_0000, 64 * _MEGABYTE),
    )
    return Board(core.name, f"{core.title}, ideal: no wait states", core, None, memories, (core.timing.source,))


def _check_choice(path: Path, key: str, value: str, accepted: Sequence[str]) -> None:
    if value not in accepted:
        raise EdgeqError(f"{path}: {key} is {value!r}; accepted: {', '.join(accepted)}")


def _check_memories(path: Path, memories: Sequence[Memory]) -> None:
    for memory in memories:
        _check_memory(f"{path}: memory {memory.name!r}", memory)
    for a, b in combinations(memories, 2):
        if a.name == b.name:
            raise EdgeqError(f"{path}: two memories {a.name!r}; accepted: a name for each")
        if a.origin < b.end and b.origin < a.end:
            raise EdgeqError(f"{path}: memories {a.name!r} and {b.name!r} overlap; accepted: addresses of their own")
    for kind in KINDS:
        if all(m.kind != kind for m in memories):
            raise EdgeqError(f"{path}: no memory of kind {kind!r}; accepted: one of each of {', '.join(KINDS)}")


def _check_memory(where: str, memory: Memory) -> None:
    if memory.kind not in KINDS:
        raise EdgeqError(f"{where}: kind is {memory.kind!r}; accepted: {', '.join(KINDS)}")
    if memory.size <= 0 or memory.size % PAGE or memory.origin < 0 or memory.origin % PAGE:
        raise EdgeqError(f"{where}: {memory.size} bytes at {memory.origin:#x}; accepted: multiples of {PAGE}")
    if memory.end > 1 << 32:
        raise EdgeqError(f"{where} ends at {memory.end:#x}; accepted: addresses of 32 bits")
    if min(memory.wait_states, memory.code_cache, memory.data_cache) < 0 or memory.line <= 0:
        raise EdgeqError(f"{where}: a negative figure; accepted: wait states and caches from 0, lines from 1")


def _check_reserves(path: Path, file: _BoardFile) -> None:
    for kind, reserved in (("flash", file.reserved_flash), ("ram", file.reserved_ram)):
        largest = max(m.size for m in file.memories if m.kind == kind)
        if not 0 <= reserved <= largest:
            raise EdgeqError(f"{path}: reserved_{kind} is {reserved}; accepted: 0 to {largest}")
