"""`edgeq profile`: what a model costs on boards, before it is flashed."""

from dataclasses import asdict, replace
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from edgeq.cli.console import facts, number, print_json, short_source, size, stdout, table, tracking
from edgeq.cli.options import compile_source, json_option, model_options, source_from
from edgeq.errors import EdgeqError
from edgeq.goals import Goal
from edgeq.profile import LayerProfile, Profile, profile
from edgeq.targets import read_target

_KINDS = {"flash": "flash", "ram": "RAM"}


@click.command("profile", short_help="Say what a model costs on a board: cycles, milliseconds, RAM, flash.")
@model_options
@json_option
def profile_command(model: str, *, as_json: bool, **choices: Any) -> None:
    """Compile MODEL for the boards of `--target NAME[,NAME..]`, run it on their emulated cores, and say what it costs.

    Nothing is estimated but what is called so: instructions are executed, the stack is measured, sizes are those of
    the linked image. The exit status is 1 where a board has too little memory.
    """
    names = [name for name in str(choices.pop("target") or "").split(",") if name]
    if not names:
        raise EdgeqError("no --target; accepted: one or more of what `edgeq targets` lists, separated by commas")
    profiles = []
    for name in names:
        board = read_target(name)
        source = source_from(model, {**choices, "target": board.core.name})  # which has memory for any model
        with tracking(f"profiling {model} on {name}") as track:
            compiled = compile_source(source, track)
            profiles.append(profile(compiled, board, goal=Goal(source.options.optimize)))
    if as_json:
        print_json({"schema_version": 1, "profiles": [_document(p) for p in profiles]})
    elif len(profiles) == 1:
        stdout().print(_layers(profiles[0]), "", _totals(profiles[0]), sep="\n")
    else:
        stdout().print(_side_by_side(profiles))
    click.get_current_context().exit(0 if all(p.fits for p in profiles) else 1)


def _layers(p: Profile) -> Table:
    timed = p.milliseconds is not None
    names = ["layer", "kernel", "MACs", "instructions", "cycles", *["waits", "ms"] * timed, "share"]
    rows = table(*names, "source", numbers=[n for n in names if n != "kernel"])
    for layer in p.layers:
        kernel = layer.kernel or Text(f"{layer.op}: a view", "dim")
        counts = [number(layer.macs), number(layer.instructions), number(layer.cycles)]
        rows.add_row(
            str(layer.index), kernel, *counts, *_times(layer), f"{layer.share:.1%}", short_source(layer.source)
        )
    return rows


def _times(layer: LayerProfile) -> list[str]:
    return [] if layer.milliseconds is None else [number(layer.waits), f"{layer.milliseconds:.2f}"]


def _totals(p: Profile) -> Table:
    return facts(
        {
            "target": f"{p.target}: {p.title}" + (f", {p.clock / 1e6:g} MHz" if p.clock else ""),
            "compiler": p.compiler,
            "work": f"{number(p.macs)} MACs, {number(p.instructions)} instructions",
            "time": _time(p),
            "RAM": _ram(p),
            "flash": _flash(p),
            "verdict": _verdict(p),
        }
    )


def _time(p: Profile) -> Text:
    kind = "estimated " if p.approximate else ""
    text = Text(f"{number(p.cycles)} {kind}cycles")
    if p.macs:
        text.append(f", {p.cycles / p.macs:.2f} per MAC")
    if p.milliseconds is not None:
        text.append(f"; with about {number(p.waits)} more that the flash takes: " if p.waits else ": ")
        text.append(f"{p.milliseconds:.2f} ms", "bold")
    return text


def _ram(p: Profile) -> Text:
    sizes = p.sizes
    parts = f": {number(sizes.arena)} arena, {number(sizes.data + sizes.bss)} variables, {number(p.stack_bytes)} stack"
    return Text.assemble((size(p.ram_bytes), "bold"), f" of {size(p.ram_capacity)}{parts}")


def _flash(p: Profile) -> Text:
    sizes = p.sizes
    parts = (
        f": {number(sizes.code)} code, {number(sizes.weights)} weights, "
        f"{number(sizes.constants + sizes.data)} other constants"
    )
    return Text.assemble((size(p.flash_bytes), "bold"), f" of {size(p.flash_capacity)}{parts}")


def _verdict(p: Profile) -> Text:
    if p.fits:
        return Text("fits", "green")
    missing = [f"{_KINDS[e.kind]}: {number(e.missing)} bytes too much for {e.memory}" for e in p.excess]
    return Text("does not fit; " + "; ".join([*missing, *([p.hint] if p.hint else [])]), "red")


def _side_by_side(profiles: list[Profile]) -> Table:
    names = ["cycles", "per MAC", "ms", "RAM", "stack", "code", "flash"]
    rows = table("target", *names, "verdict", numbers=names)
    for p in profiles:
        per_mac = f"{p.cycles / p.macs:.2f}" if p.macs else ""
        ms = "" if p.milliseconds is None else f"{p.milliseconds:.2f}"
        sizes = [p.ram_bytes, p.stack_bytes, p.sizes.code + p.sizes.constants, p.flash_bytes]
        about = "about " if p.approximate else ""
        rows.add_row(p.target, about + number(p.cycles), per_mac, ms, *map(number, sizes), _verdict(p))
    return rows


def _document(p: Profile) -> dict[str, Any]:
    document = asdict(replace(p, layers=()))
    return {**document, "fits": p.fits, "layers": [asdict(layer) for layer in p.layers]}
