"""Fits prices of kernels to emulated runs, and writes targets/prices/<core>.toml.

    python benchmarks/prices.py [--core NAME ...] [--kernel NAME ...]

Each kernel that is one of several for an op runs layers of many sizes (layers.py) on each core that has its ISA; its
cycles are then explained by the units that its row names (`Kernel.units`), with the least relative error and no price
below zero.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from elftools.elf.elffile import ELFFile
from layers import SAMPLES, grouped, narrowed
from rich.progress import track

from edgeq import resources
from edgeq.emit import Banner, emit
from edgeq.emulation import emulate
from edgeq.errors import EdgeqError
from edgeq.firmware import harness_files
from edgeq.fixedpoint import Rounding
from edgeq.kernels import KERNELS, Kernel
from edgeq.ops.weight_groups import Conv2dGroupsParams, DenseGroupsParams
from edgeq.program import Layer, build_program
from edgeq.select import Machine, Prices
from edgeq.targets import Board, core_names, read_target
from edgeq.toolchain import find_toolchain

_GROUPED = (Conv2dGroupsParams, DenseGroupsParams)
_BANNER = Banner("0", "layers", "0" * 64, "none")


def main() -> None:
    """Fit what was asked for; prices of other kernels stay as they are in the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", action="append", choices=core_names(), help="only this core")
    parser.add_argument("--kernel", action="append", help="only this kernel")
    parser.add_argument("--missing", action="store_true", help="only kernels that have no price yet")
    arguments = parser.parse_args()
    for core in arguments.core or core_names():
        board = read_target(core)
        path = resources.TARGETS / "prices" / f"{core}.toml"
        tables = _tables(path)
        wanted = [k for k in priced(board) if not arguments.kernel or k.name in arguments.kernel]
        wanted = [k for k in wanted if not arguments.missing or k.name not in tables]
        for kernel in track(wanted, core):
            try:
                tables[kernel.name] = _table(kernel, board)
                _write(path, tables)
            except EdgeqError as error:
                print(f"{core}: {kernel.name}: {error}")


_HEAD = "# Cycles per unit of work, fitted to emulated runs by benchmarks/prices.py; do not edit.\n\n"


def priced(board: Board) -> Iterator[Kernel]:
    """Kernels that are one of several for an op, types of operands and bits of weights, and of whose op are samples."""
    able = [k for k in KERNELS if k.isa in board.core.isas]
    rivals = Counter(kind for k in able for kind in _kinds(k))
    for kernel in able:
        if any(kind[0] in SAMPLES and rivals[kind] > 1 for kind in _kinds(kernel)):
            yield kernel


def _kinds(kernel: Kernel) -> Iterator[tuple[Any, ...]]:
    """Kernels that have one in common are rivals."""
    for op, bits in product(kernel.ops, kernel.weight_bits):
        yield op, bits, kernel.inputs, kernel.outputs, kernel.reads


def _tables(path: Path) -> dict[str, str]:
    """Kernel to the text of its table."""
    if not path.is_file():
        return {}
    parts = path.read_text(encoding="utf-8").split("[")[1:]
    return {part.split("]")[0]: f"[{part}".rstrip("\n") + "\n" for part in parts}


def _write(path: Path, tables: Mapping[str, str]) -> None:
    """The prices of kernels that there still are."""
    path.parent.mkdir(exist_ok=True)
    names = sorted(set(tables) & {k.name for k in KERNELS})
    path.write_text(_HEAD + "\n".join(tables[name] for name in names), encoding="utf-8")


def _table(kernel: Kernel, board: Board) -> str:
    """The kernel's prices as text; EdgeqError where it takes none of the samples."""
    measured = [*_measured(kernel, board)]
    if not measured:
        raise EdgeqError("refuses all samples; accepted: some that it takes, in layers.py")
    units, cycles = zip(*measured, strict=True)
    names = sorted({name for row in units for name in row})
    prices, error = fit(np.array([[row.get(n, 0) for n in names] for row in units]), np.array(cycles))
    cycle_text = ", ".join(
        f"{n} = {p:.4g}" if "." in f"{p:.4g}" else f"{n} = {p:.1f}" for n, p in zip(names, prices, strict=True)
    )
    return f"[{kernel.name}]\ncode = {_code(kernel, board)}\nerror = {error:.3f}\ncycles = {{ {cycle_text} }}\n"


def _measured(kernel: Kernel, board: Board) -> Iterator[tuple[dict[str, int], int]]:
    """Units and cycles of each layer that the kernel takes."""
    for op, bits in product(kernel.ops, kernel.weight_bits):
        if op not in SAMPLES:
            continue
        rng = np.random.default_rng(0)
        graph = SAMPLES[op](rng)
        if bits < 8:
            graph = narrowed(graph, bits)
        if kernel.reads in _GROUPED:
            graph = grouped(graph)
        machine = Machine(board.name, board.core.isas, {kernel.name: Prices({}, 0)})
        program = build_program(graph, "net", machine=machine)
        inputs = [rng.integers(-128, 128, graph.types[v].shape).astype(np.int8) for v in graph.inputs]
        costs = emulate(program, emit(program, _BANNER), board, inputs).layers
        for layer, cost in zip(program.layers, costs, strict=True):
            if layer.kernel is kernel:
                yield _units(layer), cost.cycles or cost.instructions


def _units(layer: Layer) -> dict[str, int]:
    units = layer.choice.taken.kernel.units
    return dict(units(layer.params)) if units else {"call": 1}


def fit(units: np.ndarray, cycles: np.ndarray) -> tuple[np.ndarray, float]:
    """Prices that are not negative with the least squares of relative errors, and the mean relative error.

    The unit with the most negative price leaves until none is negative.
    """
    scaled = units / cycles[:, None]
    active = list(range(units.shape[1]))
    prices = np.zeros(units.shape[1])
    while active:
        solution = np.linalg.lstsq(scaled[:, active], np.ones(len(cycles)), rcond=None)[0]
        if solution.min() >= 0:
            prices[active] = solution
            break
        active.remove(active[int(solution.argmin())])
    return prices, float(np.mean(np.abs(scaled @ prices - 1)))


def _code(kernel: Kernel, board: Board) -> int:
    """Bytes of the kernel's object file at -O2."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rounding = resources.RUNTIME_ROUNDING / Rounding.DOUBLE.value
        include = [resources.RUNTIME_INCLUDE, resources.RUNTIME_SOURCES, rounding]
        source = resources.RUNTIME_SOURCES / kernel.source
        tools = find_toolchain(board.core)
        if not tools.libc:
            declared = harness_files("net", board.core.machine, libc=False, semihosting=False)["string.h"]
            (folder / "string.h").write_text(declared, encoding="utf-8")
        (made,) = tools.compile("kernel", [source], [*include, folder], folder, ["-O2"])
        with made.open("rb") as file:
            sections = list(ELFFile(file).iter_sections())
    return sum(s["sh_size"] for s in sections if s.name.startswith((".text", ".rodata")))


if __name__ == "__main__":
    main()
