"""`edgeq targets`: the boards and cores that there are descriptions of."""

from dataclasses import asdict

import click
from rich.table import Table
from rich.text import Text

from edgeq.cli.console import facts, last, print_json, size, stdout, table
from edgeq.cli.options import json_option
from edgeq.targets import Board, Memory, board_names, core_names, read_target


@click.command("targets", short_help="List the boards and cores, or describe one.")
@click.argument("name", required=False)
@json_option
def targets_command(name: str | None, *, as_json: bool) -> None:
    """List the boards and cores that `--target` takes, or describe the one called NAME, or the board in a .toml file.

    A core is a target too: a board without wait states, with memory for everything.
    """
    boards = [read_target(n) for n in ([*board_names(), *core_names()] if name is None else [name])]
    if as_json:
        print_json({"schema_version": 1, "targets": [{**asdict(b), "ideal": b.ideal} for b in boards]})
    elif name is None:
        stdout().print(_list(boards))
    else:
        stdout().print(_facts(boards[0]), "", _memories(boards[0]), sep="\n")


def _list(boards: list[Board]) -> Table:
    rows = table("target", "core", "clock", "flash", "RAM", "title", numbers=("clock", "flash", "RAM"))
    for board in boards:
        figures = ["", "", ""] if board.ideal else [_clock(board), _total(board, "flash"), _total(board, "ram")]
        rows.add_row(board.name, board.core.name, *figures, last(board.title))
    return rows


def _clock(board: Board) -> str:
    return "none" if board.clock is None else f"{board.clock / 1e6:g} MHz"


def _total(board: Board, kind: str) -> str:
    return f"{sum(m.size for m in board.of_kind(kind)) // 1024:,} KiB"


def _facts(board: Board) -> Table:
    core = board.core
    approximate = "; an approximation" if core.timing.approximate else ""
    rows: dict[str, str | Text] = {
        "target": Text.assemble((board.name, "bold"), f": {board.title}"),
        "core": f"{core.title}, {core.architecture}",
        "kernels": ", ".join(core.isas),
        "clock": _clock(board),
        "cycles": f"{core.timing.title}{approximate}",
        "emulator": core.emulator,
        "reserved": f"{size(board.reserved_flash)} of flash, {size(board.reserved_ram)} of RAM",
        "sources": "\n".join(dict.fromkeys((*board.sources, core.timing.source))),
    }
    return facts(rows)


def _memories(board: Board) -> Table:
    rows = table("memory", "kind", "begins at", "size", "reads", numbers=("size",))
    for memory in board.memories:
        rows.add_row(memory.name, memory.kind, f"{memory.origin:#010x}", size(memory.size), _reads(memory))
    return rows


def _reads(memory: Memory) -> str:
    if not memory.wait_states:
        return "without wait states"
    caches = [f"{b:,} B of cache for {n}" for n, b in (("code", memory.code_cache), ("data", memory.data_cache)) if b]
    parts = [f"{memory.wait_states} wait states for {memory.line} B", *caches, *["prefetch"] * memory.prefetch]
    return ", ".join(parts)
