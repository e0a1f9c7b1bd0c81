"""One inference on an emulated core."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from edgeq.emulation.cost import Costs, costs
from edgeq.emulation.flash import wait_cycles
from edgeq.emulation.instruction import Kind
from edgeq.emulation.qemu_core import machine_board, run_in_qemu
from edgeq.emulation.trace import Trace
from edgeq.errors import EdgeqError
from edgeq.evaluate import check_inputs
from edgeq.firmware import Excess, Image, build_image
from edgeq.ir.graph import Array
from edgeq.program import Program
from edgeq.targets import Board


@dataclass(frozen=True)
class LayerCost:
    """What one layer of the program took.

    Attributes:
        index: in `Program.layers`.
        instructions: executed ones.
        cycles: of the clock, by the core's table, with memories that never wait.
        waits: further cycles, for the board's flash: an estimate.
    """

    index: int
    instructions: int
    cycles: int
    waits: int


@dataclass(frozen=True)
class Run:
    """One inference.

    Attributes:
        outputs: arrays in port order.
        layers: a cost for each layer of the program, views included; calling the network is in the first and the last.
        stack: bytes of stack that it took.
        image: the network as it is on the board.
        executed: what was run: the image, or the same for the machine that the emulator has.
        costs: by instruction.
    """

    outputs: tuple[Array, ...]
    layers: tuple[LayerCost, ...]
    stack: int
    image: Image
    executed: Image
    costs: Costs

    @property
    def instructions(self) -> int:
        """Of all layers."""
        return sum(layer.instructions for layer in self.layers)

    @property
    def cycles(self) -> int:
        """Of all layers."""
        return sum(layer.cycles for layer in self.layers)

    @property
    def waits(self) -> int:
        """Of all layers."""
        return sum(layer.waits for layer in self.layers)

    @property
    def excess(self) -> tuple[Excess, ...]:
        """What does not fit on the board, with the stack as it was measured."""
        return self.image.excess_with(self.stack)

    def functions(self) -> list[tuple[str, int, int]]:
        """(function, instructions, cycles), the dearest first."""
        sums: dict[str, tuple[int, int]] = {}
        for (_, address), count in self.costs.places.items():
            function = self.executed.function_at(address)
            instructions, cycles = sums.get(function, (0, 0))
            sums[function] = (instructions + count.instructions, cycles + count.cycles)
        return sorted(((f, i, c) for f, (i, c) in sums.items()), key=lambda row: -row[2])

    def listing(self, function: str) -> str:
        """The code of a function that was executed, each line with how often, and the cycles that it took."""
        sums: dict[int, tuple[int, int]] = {}
        for (_, address), count in self.costs.places.items():
            if self.executed.function_at(address) == function:
                times, cycles = sums.get(address, (0, 0))
                sums[address] = (times + count.instructions, cycles + count.cycles)
        return "\n".join(f"{a:8x} {n:10} {c:10}  {self.costs.code[a].text}" for a, (n, c) in sorted(sums.items()))


def emulate(
    program: Program,
    files: Mapping[str, str],
    board: Board,
    inputs: Sequence[Array],
    *,
    optimize: str = "-O2",
    flags: Sequence[str] = (),
    compiler: str | None = None,
    emulator: str | None = None,
) -> Run:
    """Build a network for a board and run it once on the emulated core.

    Args:
        program: what the files were printed from.
        files: what `edgeq.emit.emit` returned.
        board: where to run; where the network does not fit, it is run in longer memories.
        inputs: arrays in port order, of exactly the ports' shapes and types.
        optimize: the compiler's flag.
        flags: further flags of the compiler.
        compiler: "gcc" or "zig"; None: what is there.
        emulator: "unicorn" or "qemu"; None: the core's.

    Raises:
        EdgeqError: where a tool is missing, an input does not fit its port, or the code faults.
    """
    chosen: dict[str, Any] = {"optimize": optimize, "flags": flags, "compiler": compiler}
    image = build_image(program, files, board, **chosen)
    if (emulator or board.core.emulator) == "unicorn":
        return run_image(program, image, inputs)
    executed = build_image(program, files, machine_board(board), semihosting=True, **chosen)
    done = run_in_qemu(executed, f"{program.name}_run", _arena(program, inputs))
    return _run(program, image, executed, done.arena, done.stack, done.trace, _each_once(program, image))


def run_image(program: Program, image: Image, inputs: Sequence[Array]) -> Run:
    """Run an image of a program once, on a core that Unicorn emulates.

    Raises:
        EdgeqError: where an input does not fit its port, or the code faults.
    """
    core = _optional("unicorn_core").UnicornCore(image)
    start = image.symbols[f"{program.name}_static_arena"].address
    core.write(start, _arena(program, inputs))
    status, stack = core.call(f"{program.name}_run", image.symbols["harness_context"].address)
    if status:
        raise EdgeqError(f"{program.name}: the generated code returned status {status}")
    return _run(program, image, image, core.read(start, program.plan.size), stack, core.trace, core.reads.misses)


def _optional(module: str) -> ModuleType:
    """A module of this package that needs what only `edgeq[emulate]` brings."""
    try:
        return importlib.import_module(f"edgeq.emulation.{module}")
    except ImportError as error:
        raise EdgeqError(f"{error.name} is not installed; `pip install 'edgeq[emulate]'` brings it") from error


def _arena(program: Program, inputs: Sequence[Array]) -> bytes:
    """The arena before a run: the inputs, and between them bytes that no layer may rely on."""
    content = bytearray(b"\xa5" * program.plan.size)
    for port, array in zip(program.inputs, check_inputs(program.graph, inputs), strict=True):
        content[port.offset : port.offset + port.type.bytes] = array.tobytes()
    return bytes(content)


def _each_once(program: Program, image: Image) -> dict[int, int]:
    """By layer, the lines of its constants: as if each was read once, where the emulator does not say."""
    return {
        layer.index: sum(program.constants[s].nbytes for s in layer.symbols.values()) // image.flash.line
        for layer in program.layers
    }


def _run(
    program: Program,
    image: Image,
    executed: Image,
    arena: bytes,
    stack: int,
    trace: Trace,
    misses: Mapping[int, int],
) -> Run:
    outputs = tuple(
        np.frombuffer(arena, p.type.dtype.numpy, p.type.size, p.offset).reshape(p.type.shape) for p in program.outputs
    )
    core = image.board.core
    decode = _optional(f"decode_{core.machine}").decode
    found = costs(trace, executed.read, decode, core.timing)
    _require_integers(image, found)
    flash = replace(image.flash, origin=executed.flash.origin, size=executed.flash.size)
    waits = wait_cycles(found.places, misses, flash)
    return Run(outputs, _layers(program, found, waits), stack, image, executed, found)


def _require_integers(image: Image, found: Costs) -> None:
    """What an image has no right to: instructions of a unit that its core may be built without."""
    if "mve" not in image.board.core.isas:
        for instruction in found.code.values():
            if instruction.kind is Kind.FLOAT:
                raise EdgeqError(f"{image.board.name}: {instruction.text} needs a floating-point unit")


def _layers(program: Program, found: Costs, waits: Mapping[int, int]) -> tuple[LayerCost, ...]:
    """A cost for each layer; what is behind the last one goes to it."""
    rows = {layer.index: LayerCost(layer.index, 0, 0, 0) for layer in program.layers}
    last = max(rows, default=0)
    for index, count in found.layers.items():
        row = rows.get(min(index, last), LayerCost(0, 0, 0, 0))
        rows[row.index] = LayerCost(
            row.index,
            row.instructions + count.instructions,
            row.cycles + count.cycles,
            row.waits + waits.get(index, 0),
        )
    return tuple(rows[index] for index in sorted(rows))
