"""Runs C compilers. Only `edgeq.oracles` and the emulators start processes besides."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from edgeq.errors import EdgeqError

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
"""What the generated code promises to compile with."""


def host_compiler() -> str:
    """The C compiler of this machine: $CC, else cc, gcc or clang.

    Raises:
        EdgeqError: where there is none.
    """
    candidates = [os.environ["CC"]] if os.environ.get("CC") else ["cc", "gcc", "clang"]
    for name in candidates:
        path = shutil.which(name)
        if path:
            return path
    raise EdgeqError(
        f"no C compiler found (looked for {', '.join(candidates)}); "
        "install one, on Debian or Ubuntu with `apt-get install gcc libc6-dev`, or set CC"
    )


def shared_library(
    sources: Sequence[Path],
    output: Path,
    *,
    include: Sequence[Path] = (),
    flags: Sequence[str] = (),
    compiler: str | None = None,
) -> Path:
    """Compile C files into one shared library for this machine.

    Raises:
        EdgeqError: with the compiler's words where it refuses.
    """
    command = [
        compiler or host_compiler(),
        *STRICT,
        "-O2",
        "-fPIC",
        "-shared",
        *flags,
        *(f"-I{folder}" for folder in include),
        *map(str, sources),
        "-o",
        str(output),
    ]
    run(command)
    return output


def run(command: Sequence[str], folder: Path | None = None) -> str:
    """Run a tool, in a folder, and return what it printed; EdgeqError where it fails or cannot be started."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)  # noqa: S603 - our own
    except OSError as error:
        raise EdgeqError(f"cannot run {command[0]}: {error.strerror}") from error
    if done.returncode:
        raise EdgeqError(f"{command[0]} failed with status {done.returncode}:\n{done.stderr.strip()}")
    return done.stdout
