"""The C compilers that generated code promises to satisfy, and what their object files say.

A missing tool skips the tests that need it, except in CI, where it fails them: `scripts/test` installs them all.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgeq.build import STRICT


@dataclass(frozen=True)
class Toolchain:
    """A compiler for one machine.

    Attributes:
        name: as tests print it.
        command: compiler and the flags that choose the machine.
        nm: lists the symbols of its objects.
        integer: the flag that makes a floating-point instruction an error, "" where the compiler has none.
    """

    name: str
    command: tuple[str, ...]
    nm: str = "nm"
    integer: str = ""


def _cortex(core: str) -> Toolchain:
    command = ("arm-none-eabi-gcc", f"-mcpu=cortex-{core}", "-mthumb", "-Os")
    return Toolchain(f"cortex-{core}", command, nm="arm-none-eabi-nm")


# Without position independence, as in firmware: constants with pointers in them stay read-only.
GCC = Toolchain("gcc", ("gcc", "-O2", "-fno-pie"), integer="-mgeneral-regs-only")
CLANG = Toolchain("clang", ("clang", "-O2", "-fno-pie"), integer="-mgeneral-regs-only")
M0PLUS, M4, M55 = _cortex("m0plus"), _cortex("m4"), _cortex("m55")
TOOLCHAINS = (GCC, CLANG, M0PLUS, M4, M55)

# Further warnings that firmware projects turn on.
PEDANTIC = ("-Wshadow", "-Wundef", "-Wcast-align", "-Wcast-qual", "-Wstrict-prototypes", "-Wmissing-prototypes")

# Distributions switch these on by default; they add calls that the code itself does not make.
_PLAIN = ("-U_FORTIFY_SOURCE", "-fno-stack-protector")
SANITIZE = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")

# What compilers call on their own: 64-bit arithmetic, division, switch tables, copies. None of it is floating point.
COMPILER_HELPERS = re.compile(
    r"__aeabi_(u?idiv|u?idivmod|u?ldivmod|lmul|llsl|llsr|lasr|u?lcmp|mem(cpy|set|clr)[48]?)"
    r"|__gnu_thumb1_case_[us]?[qhs]i|__(clz|ctz)[sd]i2|memcpy|memset"
)
# The same where a port is float: arithmetic, comparison and conversion, but nothing of the mathematics library.
FLOAT_HELPERS = re.compile(rf"{COMPILER_HELPERS.pattern}|__aeabi_(c?[fd]|u?[il]2)\w+")


def tool(name: str) -> str:
    """The path of a tool, on PATH or beside this Python; skips the test where it is missing, fails it in CI."""
    path = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if path is None:
        message = f"{name} is not installed (scripts/test installs what the tests need)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write a tree of text files."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    return folder


def compile_objects(
    toolchain: Toolchain, sources: Sequence[Path], include: Sequence[Path], output: Path, *flags: str
) -> list[Path]:
    """Compile each source on its own, strictly; fails the test with the compiler's words.

    Object files are named after their sources' stems, which must differ.
    """
    tool(toolchain.command[0])
    output.mkdir(parents=True)
    places = [f"-I{folder.resolve()}" for folder in include]
    command = [*toolchain.command, *STRICT, *_PLAIN, *flags, *places, "-c", *(str(s.resolve()) for s in sources)]
    run(command, output)
    objects = sorted(output.glob("*.o"))
    assert len(objects) == len(sources)
    return objects


def run(command: Sequence[str | Path], folder: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """What a command prints; fails the test where the command fails or warns."""
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(
        [tool(str(command[0])), *command[1:]], cwd=folder, capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode or done.stderr:
        pytest.fail(f"{command[0]} ended with status {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def symbols(toolchain: Toolchain, objects: Sequence[Path]) -> dict[str, set[str]]:
    """The kind of symbol (nm's letter, `U` for undefined) to the names of that kind, over all objects together."""
    kinds: dict[str, set[str]] = {}
    for line in run([toolchain.nm, "-A", *objects]).splitlines():
        *_, kind, name = line.split()
        kinds.setdefault(kind, set()).add(name)
    return kinds


def undefined(toolchain: Toolchain, objects: Sequence[Path]) -> set[str]:
    """What must come from elsewhere when these objects are linked."""
    kinds = symbols(toolchain, objects)
    public = [names for kind, names in kinds.items() if kind.isupper() and kind != "U"]
    return kinds.get("U", set()).difference(*public)
