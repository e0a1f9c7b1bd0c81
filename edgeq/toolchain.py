"""Cross compilers: GCC for the core where it is on PATH, else Clang as the `ziglang` wheel brings it."""

import importlib.util
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeq.build import run
from edgeq.errors import EdgeqError
from edgeq.targets import Core

GCC = {"arm": "arm-none-eabi-gcc", "riscv": "riscv64-unknown-elf-gcc"}
"""The name of GCC by the kind of machine."""

_ZIG = "ziglang"
_PLAIN = ("-ffunction-sections", "-fdata-sections", "-fno-common")
_GCC_LITERAL = ("-ffreestanding", "-fno-tree-loop-distribute-patterns")
# Zig turns undefined behaviour into traps where it is not told otherwise.
_ZIG_PLAIN = (
    "-fno-sanitize=undefined",
    "-fno-lto",
    "-fno-stack-protector",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
)


@dataclass(frozen=True)
class Toolchain:
    """A C compiler for a core.

    Attributes:
        name: for people, with its version.
        command: the compiler, and the flags that choose the core.
        libc: whether it brings <string.h> and the functions declared there.
        libraries: what an image is linked with, and what it is linked without.
        literal: the flags with which a loop that copies does not become a call of memcpy.
    """

    name: str
    command: tuple[str, ...]
    libc: bool
    libraries: tuple[str, ...]
    literal: tuple[str, ...]

    def compile(
        self, name: str, sources: Sequence[Path], include: Sequence[Path], folder: Path, flags: Sequence[str]
    ) -> list[Path]:
        """Make objects of sources, in a folder of their own.

        Args:
            name: of the folder; the linker script knows the objects by it.
            sources: C files.
            include: where they find headers.
            folder: where the new folder goes.
            flags: further ones.

        Returns:
            The objects: one for each source, or one for all, as compilers differ in this.

        Raises:
            EdgeqError: with the compiler's words.
        """
        places = [f"-I{path}" for path in include]
        (folder / name).mkdir()
        # Given several sources, Zig makes one object.
        output = [] if self.libraries else ["-o", f"{name}.o"]
        run([*self.command, "-std=gnu99", *_PLAIN, *flags, *places, "-c", *map(str, sources), *output], folder / name)
        return sorted((folder / name).glob("*.o"))

    def link(self, folder: Path, script: Path, output: Path) -> Path:
        """Link the objects of a folder, leaving out what nothing uses.

        Raises:
            EdgeqError: with the linker's words.
        """
        objects = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.o"))
        flags = ["-static", "-Wl,--gc-sections", f"-Wl,-T,{script}", "-Wl,--build-id=none"]
        run([*self.command, *flags, *objects, *self.libraries, "-o", str(output)], folder)
        return output


def find_toolchain(core: Core, prefer: str | None = None) -> Toolchain:
    """The compiler for a core.

    Args:
        core: what to compile for.
        prefer: "gcc" or "zig"; None: GCC where there is one.

    Raises:
        EdgeqError: where there is none, saying how to get one.
    """
    gcc = shutil.which(GCC[core.machine]) if prefer != "zig" else None
    if gcc:
        version = run([gcc, "-dumpfullversion"]).strip()
        libc = core.machine == "arm"  # GCC for RISC-V often comes without
        libraries = ("-nostdlib", *(["-lc"] if libc else []), "-lgcc")
        return Toolchain(f"{GCC[core.machine]} {version}", (gcc, *core.gcc), libc, libraries, _GCC_LITERAL)
    if prefer != "gcc" and importlib.util.find_spec(_ZIG):
        command = (sys.executable, "-m", _ZIG, "cc", *core.zig, *_ZIG_PLAIN)
        version = run([sys.executable, "-m", _ZIG, "version"]).strip()
        return Toolchain(f"zig cc {version}", command, libc=False, libraries=(), literal=("-ffreestanding",))
    raise EdgeqError(
        f"no C compiler for {core.title} found (looked for {GCC[core.machine]} and the Python package {_ZIG}); "
        "`pip install 'edgeq[emulate]'` brings one"
    )
