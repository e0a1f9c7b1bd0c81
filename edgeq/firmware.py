"""Builds a network into an image for a board: the generated files, a start-up, a linker script of the board's memories.

    image = build_image(program, files, board, optimize="-O2")

The script's lengths are generous, so that an image is always made; `Image.excess` says what does not fit, and by how
much.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from edgeq.emit import render
from edgeq.errors import EdgeqError
from edgeq.program import Program
from edgeq.targets import Board, Memory
from edgeq.toolchain import Toolchain, find_toolchain

STACK = 1024
"""Bytes of stack that an image must have room for; what it really takes is measured."""

_GENEROUS = 64 << 20
_STACK_ROOM = 16 << 10
"""Bytes that the emulated stack may take, so that one that grows too far is measured instead of cut off."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of an image, without what the emulator's start-up takes.

    Attributes:
        code: instructions, those from libraries included.
        weights: constants of the weights unit.
        constants: other constants.
        data: variables with a first value: in RAM, and once more in flash.
        bss: other variables, without the arena.
        arena: the arena.
    """

    code: int
    weights: int
    constants: int
    data: int
    bss: int
    arena: int

    @property
    def flash(self) -> int:
        """All that is kept in flash."""
        return self.code + self.weights + self.constants + self.data

    @property
    def ram(self) -> int:
        """All that is kept in RAM, without the stack."""
        return self.data + self.bss + self.arena


@dataclass(frozen=True)
class Symbol:
    """A function or variable.

    Attributes:
        name: in C.
        address: of its first byte.
        size: bytes.
        function: whether it is code.
    """

    name: str
    address: int
    size: int
    function: bool


@dataclass(frozen=True)
class Excess:
    """What a board has too little of.

    Attributes:
        kind: "flash" or "ram".
        memory: the one that was tried: the largest of its kind.
        needed: bytes, with what the application keeps for itself.
        missing: bytes.
    """

    kind: str
    memory: str
    needed: int
    missing: int


@dataclass(frozen=True)
class Image:
    """A linked network.

    Attributes:
        elf: the file.
        board: what it was linked for.
        compiler: its name and version.
        flags: of the compiler, as far as they were chosen.
        flash: the memory that keeps it.
        ram: the memory that it works in.
        sizes: what it takes.
        symbols: name to symbol.
        functions: all of them; those of different files may have the same name.
        segments: address to bytes, of all that is loaded.
        marks: address to the layer that begins there.
    """

    elf: bytes
    board: Board
    compiler: str
    flags: tuple[str, ...]
    flash: Memory
    ram: Memory
    sizes: Sizes
    symbols: Mapping[str, Symbol]
    functions: tuple[Symbol, ...]
    segments: Mapping[int, bytes]
    marks: Mapping[int, int]

    @property
    def fits(self) -> bool:
        """Whether the board has room for it, and a stack of `STACK` bytes."""
        return not self.excess

    @property
    def excess(self) -> tuple[Excess, ...]:
        """What does not fit on the board, with a stack of `STACK` bytes."""
        return self.excess_with(STACK)

    def excess_with(self, stack: int) -> tuple[Excess, ...]:
        """What does not fit on the board, with so many bytes of stack."""
        wanted = (
            ("flash", self.flash, self.sizes.flash + self.board.reserved_flash),
            ("ram", self.ram, self.sizes.ram + stack + self.board.reserved_ram),
        )
        return tuple(Excess(kind, m.name, need, need - m.size) for kind, m, need in wanted if need > m.size)

    def read(self, address: int, size: int) -> bytes:
        """Bytes that are loaded.

        Raises:
            EdgeqError: where nothing is loaded.
        """
        for start, content in self.segments.items():
            if start <= address and address + size <= start + len(content):
                return content[address - start : address - start + size]
        raise EdgeqError(f"{self.board.name}: nothing is loaded at {address:#x}")

    def function_at(self, address: int) -> str:
        """The function that has an address; "" where none has."""
        inside = (s.name for s in self.functions if s.address <= address < s.address + s.size)
        return next(inside, "")


def build_image(
    program: Program,
    files: Mapping[str, str],
    board: Board,
    *,
    optimize: str = "-O2",
    flags: Sequence[str] = (),
    compiler: str | None = None,
    semihosting: bool = False,
) -> Image:
    """Compile and link a network for a board.

    Args:
        program: what the files were printed from.
        files: what `edgeq.emit.emit` returned.
        board: what to build for.
        optimize: the compiler's flag.
        flags: further flags.
        compiler: "gcc" or "zig"; None: what is there.
        semihosting: the image gets its inputs from files of the host, and its vectors are at address 0.

    Raises:
        EdgeqError: where there is no compiler, or it refuses the code.
    """
    tools = find_toolchain(board.core, compiler)
    with tempfile.TemporaryDirectory(prefix="edgeq-") as name:
        folder = Path(name)
        sources = {p: t for p, t in files.items() if p.endswith((".c", ".h"))}
        _write(folder / "model", sources)
        _compile(tools, folder, program.name, board, (optimize, *flags), semihosting=semihosting)
        return _link(tools, folder, program.name, board, (optimize, *flags), semihosting=semihosting)


def harness_files(name: str, machine: str, *, libc: bool, semihosting: bool) -> dict[str, str]:
    """What an image has besides the network: relative path to content.

    Args:
        name: of the network.
        machine: of the core.
        libc: whether the compiler brings <string.h> and what it declares.
        semihosting: as `build_image` has it.
    """
    context = {"title": f"Made by edgeq to run {name}", "name": name, "NAME": name.upper(), "vector": semihosting}
    templates = {
        "harness_marks.h": "harness_marks.h.j2",
        "harness_main.c": "harness_semihosting.c.j2" if semihosting else "harness_main.c.j2",
        "harness_start.c": "harness_start.c.j2",
        "harness_reset.c": f"harness_{machine}.c.j2",
    }
    if not libc:
        templates |= {"string.h": "harness_string.h.j2", "libc_memory.c": "libc_memory.c.j2"}
    return {path: render(template, context) for path, template in templates.items()}


def linker_script(name: str, board: Board, flash: Memory, ram: Memory, *, semihosting: bool) -> str:
    """Where everything goes: constants into one memory, variables into another."""
    context: dict[str, Any] = {
        "title": f"Made by edgeq to link {name}",
        "board": board.name,
        "vectors": "VECTORS" if semihosting else "FLASH",
        "flash": {"origin": f"{flash.origin:#x}", "length": _GENEROUS},
        "ram": {"origin": f"{ram.origin:#x}", "length": _GENEROUS},
        "stack": _STACK_ROOM,
    }
    return render("harness.ld.j2", context)


def _compile(
    tools: Toolchain, folder: Path, name: str, board: Board, flags: Sequence[str], *, semihosting: bool
) -> None:
    """All objects, in `folder/objects`."""
    _write(folder / "harness", harness_files(name, board.core.machine, libc=tools.libc, semihosting=semihosting))
    objects = folder / "objects"
    objects.mkdir()
    include = [folder / "model", folder / "model/kernels", folder / "harness"]
    marks = ["-include", str(folder / "harness/harness_marks.h")]
    model = [p for p in sorted((folder / "model").rglob("*.c")) if p.name != f"{name}_test.c"]
    weights = [p for p in model if p.name == f"{name}_weights.c"]
    tools.compile("model", [p for p in model if p not in weights], include, objects, [*marks, *flags])
    tools.compile("weights", weights, include, objects, [*marks, *flags])
    start = [folder / "harness" / f"harness_{part}.c" for part in ("main", "start", "reset")]
    tools.compile("harness", start, include, objects, [*marks, "-O2", *tools.literal])
    if not tools.libc:
        tools.compile("libc", [folder / "harness" / "libc_memory.c"], include, objects, [*flags, *tools.literal])


def _link(
    tools: Toolchain, folder: Path, name: str, board: Board, flags: tuple[str, ...], *, semihosting: bool
) -> Image:
    """Link for each choice of memories until the image fits; the largest ones where it does not fit any."""
    best: Image | None = None
    for flash in board.of_kind("flash"):
        for ram in board.of_kind("ram"):
            script = linker_script(name, board, flash, ram, semihosting=semihosting)
            (folder / "image.ld").write_text(script, encoding="utf-8")
            elf = tools.link(folder / "objects", folder / "image.ld", folder / "image.elf").read_bytes()
            image = _read(elf, board, tools, flags, flash, ram)
            if best is None or _missing(image) < _missing(best):
                best = image
            if best.fits:
                return best
    assert best is not None, "a board has a memory of each kind"
    return best


def _missing(image: Image) -> int:
    return sum(e.missing for e in image.excess)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")


def _read(elf: bytes, board: Board, tools: Toolchain, flags: tuple[str, ...], flash: Memory, ram: Memory) -> Image:
    """What the linker made."""
    try:
        from elftools.elf.elffile import ELFFile  # noqa: PLC0415 - optional: `edgeq[emulate]`
    except ImportError as error:
        raise EdgeqError("pyelftools is not installed; `pip install 'edgeq[emulate]'` brings it") from error
    file = ELFFile(BytesIO(elf))
    found = _symbols(file)
    symbols = {s.name: s for s in found}
    sections = {s.name: s["sh_size"] for s in file.iter_sections()}
    arena = next((s.size for n, s in symbols.items() if n.endswith("_static_arena")), 0)
    sizes = Sizes(
        code=sections.get(".text", 0),
        weights=sections.get(".weights", 0),
        constants=sections.get(".rodata", 0) + sections.get(".ARM.exidx", 0),
        data=sections.get(".data", 0),
        bss=sections.get(".bss", 0) - arena,
        arena=arena,
    )
    return Image(
        elf=elf,
        board=board,
        compiler=tools.name,
        flags=flags,
        flash=flash,
        ram=ram,
        sizes=sizes,
        symbols=symbols,
        functions=tuple(s for s in found if s.function),
        segments={s["p_paddr"]: s.data() for s in file.iter_segments("PT_LOAD") if s["p_filesz"]},
        marks=_marks(file.get_section_by_name(".edgeq_marks")),
    )


def _marks(section: Any) -> dict[int, int]:
    """Where layers begin, from (layer, address of its end); of layers that end together, the last counts."""
    content = section.data() if section else b""
    words = [int.from_bytes(content[i : i + 4], "little") for i in range(0, len(content), 4)]
    ends = sorted(zip(words[::2], words[1::2], strict=True))
    return {address & ~1: layer + 1 for layer, address in ends}


def _symbols(file: Any) -> list[Symbol]:
    table = file.get_section_by_name(".symtab")
    found = []
    for s in table.iter_symbols():
        function = s["st_info"]["type"] == "STT_FUNC"
        if s.name and s["st_info"]["type"] in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE"):
            found.append(Symbol(s.name, s["st_value"] & ~1 if function else s["st_value"], s["st_size"], function))
    return found
