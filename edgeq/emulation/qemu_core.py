"""Runs an image in qemu-system-arm, for cores with Helium (MVE), which Unicorn does not know.

QEMU has whole machines, with a Cortex-M55 that of Arm's MPS3 board; images are linked anew for their memories. It logs
each block of code as it enters it, which makes the same trace as Unicorn's hooks: counts are exact, not read from a
timer. Unlike Unicorn, it refuses words of LDRD and LDM that are not aligned, as cores do.
"""

import re
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from edgeq.emulation.trace import Trace
from edgeq.errors import EdgeqError
from edgeq.firmware import Image
from edgeq.targets import Board, Memory

_PAINT = b"\xa5\x5a\xa5\x5a"
_ENTERED = re.compile(rb"Trace \d+: 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/")
_TRANSLATED = re.compile(rb"0x([0-9a-f]+):  ([0-9a-f]{4}(?: [0-9a-f]{4})*)\s")
SECONDS = 600
"""After which a run that does not end is given up."""

# Of each machine, memory for code and memory for data (Arm DAI0547 and DAI0386, hw/arm/mps2-tz.c and mps2.c of QEMU).
_MEMORIES = {
    "mps3-an547": (
        Memory("DDR4", "flash", 0x6000_0000, 256 << 20),
        Memory("SRAM", "ram", 0x2100_0000, 4 << 20),
    ),
    "mps2-an386": (
        Memory("SSRAM1", "flash", 0x0000_1000, (4 << 20) - 0x1000),
        Memory("PSRAM", "ram", 0x2100_0000, 16 << 20),
    ),
}
_MACHINES = {"cortex-m4": "mps2-an386"}
"""For cores whose emulator is another one, as a check of it."""


def machine_board(board: Board) -> Board:
    """The machine that QEMU has for the core of a board.

    Raises:
        EdgeqError: where it has none.
    """
    core = board.core
    machine = core.model if core.emulator == "qemu" else _MACHINES.get(core.name)
    if machine not in _MEMORIES:
        cores = ", ".join([*_MACHINES, "those whose emulator is qemu"])
        raise EdgeqError(f"no machine of QEMU for {core.title}; accepted: {cores}")
    return replace(
        board,
        name=machine,
        core=replace(core, model=machine),
        memories=_MEMORIES[machine],
        reserved_flash=0,
        reserved_ram=0,
    )


@dataclass(frozen=True)
class QemuRun:
    """One run.

    Attributes:
        arena: its bytes afterwards.
        stack: bytes of stack that the run took.
        trace: what was executed.
    """

    arena: bytes
    stack: int
    trace: Trace


def run_in_qemu(image: Image, function: str, arena: bytes) -> QemuRun:
    """Run a network once.

    Args:
        image: linked for `machine_board`, with semihosting.
        function: the name of the network's run function.
        arena: its bytes, with the inputs in it.

    Raises:
        EdgeqError: where QEMU is missing, or the code faults.
    """
    qemu = shutil.which("qemu-system-arm")
    if qemu is None:
        raise EdgeqError(
            f"qemu-system-arm is not installed, which emulates {image.board.core.title}; "
            "on Debian or Ubuntu: apt-get install qemu-system-arm"
        )
    with tempfile.TemporaryDirectory(prefix="edgeq-") as name:
        folder = Path(name)
        (folder / "image.elf").write_bytes(image.elf)
        (folder / "arena.in").write_bytes(arena)
        trace, status = _execute(qemu, image, function, folder)
        if status:
            raise EdgeqError(_failure(image, trace, status))
        return QemuRun((folder / "arena.out").read_bytes(), _stack(folder / "stack.out"), trace)


def _execute(qemu: str, image: Image, function: str, folder: Path) -> tuple[Trace, int]:
    command = [qemu, "-M", image.board.core.model, "-kernel", "image.elf", "-nographic", "-monitor", "none"]
    command += ["-serial", "none", "-semihosting-config", "enable=on,target=native"]
    command += ["-d", "in_asm,exec,nochain"]
    process = subprocess.Popen(  # noqa: S603 - our own arguments
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    patience = threading.Timer(SECONDS, process.kill)
    patience.start()
    with process:
        assert process.stderr is not None
        trace = _follow(image, function, process.stderr)
    patience.cancel()
    return trace, process.returncode


def _follow(image: Image, function: str, log: IO[bytes]) -> Trace:
    """Read QEMU's log: "IN:" lists the instructions of a new block, "Trace" is each entry into one.

    A block is counted from the first entry into the function to the return to its caller.
    """
    trace = Trace(image.marks)
    begin = image.symbols[function].address
    main = image.symbols["main"]
    end = range(main.address, main.address + main.size)
    sizes: dict[int, int] = {}
    last = 0
    running = False
    for line in log:
        if line.startswith(b"Trace"):
            slash = line.index(b"/") + 1
            address = int(line[slash : slash + 8], 16)
            running = (running or address == begin) and address not in end
            if running:
                trace.enter(address, sizes[address])
        elif line.startswith(b"IN:"):
            last = 0
        elif line.startswith(b"0x"):
            found = _TRANSLATED.match(line)
            if found:
                place = int(found[1], 16)
                last = last or place
                sizes[last] = place + len(found[2].replace(b" ", b"")) // 2 - last
    return trace


def _stack(path: Path) -> int:
    content = path.read_bytes()
    words = range(0, len(content), len(_PAINT))
    return len(content) - next((i for i in words if content[i : i + 4] != _PAINT), len(content))


def _failure(image: Image, trace: Trace, status: int) -> str:
    place = trace.before
    function = image.function_at(place) or "an unknown function"
    faults = {1: "returned an error", 2: "could not read or write a file", -9: f"went on after {SECONDS} seconds"}
    what = faults.get(status, "faulted")
    return f"{image.board.core.title}, emulated: the code {what}; last was {function} at {place:#x} (status {status})"
