"""`edgeq explain`: which kernel computes each layer on a target, and why not another."""

from dataclasses import asdict, dataclass

import click
from rich.table import Table
from rich.text import Text

from edgeq.cli.console import number, print_json, safe, short_source, stdout, table
from edgeq.cli.options import compile_from, json_option, model_options
from edgeq.program import Layer
from edgeq.select import Option


@dataclass(frozen=True)
class Candidate:
    """A kernel that could compute a layer; `cycles` and `code_bytes` are None where it was never measured."""

    kernel: str
    cycles: int | None
    scratch_bytes: int
    constant_bytes: int
    code_bytes: int | None


@dataclass(frozen=True)
class Refused:
    """A kernel that cannot compute a layer, and why."""

    kernel: str
    reason: str


@dataclass(frozen=True)
class Explanation:
    """How a layer's kernel was chosen; a view has none."""

    index: int
    op: str
    source: str
    view: bool
    taken: Candidate
    beaten: tuple[Candidate, ...]
    refused: tuple[Refused, ...]


@click.command("explain", short_help="Say which kernel computes each layer, and why.")
@model_options
@json_option
def explain_command(model: str, *, as_json: bool, **choices: object) -> None:
    """Say for each layer of MODEL which kernel computes it on `--target`, what it beat, and why others were refused."""
    program = compile_from(model, choices).program
    layers = [explain(layer) for layer in program.layers]
    if as_json:
        print_json({"schema_version": 1, "name": program.name, "layers": [asdict(e) for e in layers]})
        return
    stdout().print(_table(layers))


def explain(layer: Layer) -> Explanation:
    """The choice of a layer's kernel, in plain records."""
    choice = layer.choice
    return Explanation(
        index=layer.index,
        op=layer.node.op,
        source=layer.node.source,
        view=layer.kernel is None,
        taken=_candidate(choice.taken),
        beaten=tuple(_candidate(option) for option in choice.others),
        refused=tuple(Refused(_short(name), reason) for name, reason in choice.refused),
    )


def _candidate(option: Option) -> Candidate:
    cycles = None if option.cycles is None else round(option.cycles)
    return Candidate(_short(option.kernel.name), cycles, option.scratch, option.constants, option.code)


def _short(kernel: str) -> str:
    return kernel.removeprefix("edgeq_")


def _table(layers: list[Explanation]) -> Table:
    """The kernel taken, and below it those that it beat and those that cannot."""
    numbers = ("layer", "cycles", "scratch", "constants")
    rows = table("layer", "kernel", "cycles", "scratch", "constants", "why not", numbers=numbers)
    for e in layers:
        if e.view:
            rows.add_row(str(e.index), Text(f"{e.op}: a view", "dim"), "", "", "", Text(short_source(e.source), "dim"))
            continue
        rows.add_row(
            str(e.index), Text(e.taken.kernel, "bold"), *_figures(e.taken), Text(short_source(e.source), "dim")
        )
        for other in e.beaten:
            rows.add_row("", f"  {other.kernel}", *_figures(other), _disadvantage(e.taken, other))
        for refused in e.refused:
            rows.add_row("", Text(f"  {refused.kernel}", "dim"), "", "", "", safe(refused.reason))
    return rows


def _figures(candidate: Candidate) -> tuple[str, str, str]:
    cycles = "?" if candidate.cycles is None else number(candidate.cycles)
    return cycles, number(candidate.scratch_bytes), number(candidate.constant_bytes)


def _disadvantage(taken: Candidate, other: Candidate) -> str:
    """In what the kernel taken is better."""
    reasons = []
    if taken.cycles and other.cycles and other.cycles > taken.cycles:
        reasons.append(f"{other.cycles / taken.cycles:.1f} times the cycles")
    if other.scratch_bytes > taken.scratch_bytes:
        reasons.append(f"{number(other.scratch_bytes - taken.scratch_bytes)} B more scratch memory")
    if other.constant_bytes > taken.constant_bytes:
        reasons.append(f"{number(other.constant_bytes - taken.constant_bytes)} B more constants")
    return ", ".join(reasons) or "for any core"
