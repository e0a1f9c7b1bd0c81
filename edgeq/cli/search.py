"""`edgeq search`: the precision of each layer, within what the user can spend and lose."""

import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from edgeq.cli.console import facts, last, number, plural, print_json, safe, size, stdout, table, tracking
from edgeq.cli.options import Source, as_typed, json_option, labels_from, labels_option, model_options, source_from
from edgeq.errors import EdgeqError
from edgeq.frontend import Calibration, ModelFile
from edgeq.output import write_file
from edgeq.quantize.data import Preprocessing
from edgeq.quantize.scheme import WEIGHTS, Scheme, scheme_text
from edgeq.search import Limits, Result, Setting, Trial, search
from edgeq.search.limits import LEAST_SQNR, describe
from edgeq.search.plot import plot, require_plot
from edgeq.search.search import TRIALS
from edgeq.search.setting import SearchedLayer, parse_widths

_UNITS = {"": 1, "k": 1024, "m": 1024**2}


class AmountType(click.ParamType[Any]):
    """`64K`, `1.5M` or `65536`: bytes, in units of 1024; or cycles, in units of 1000."""

    def __init__(self, name: str, thousand: int) -> None:
        self.name = name
        self._thousand = thousand

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([km]?)(?:i?b)?", str(value).strip().lower())
        amount = 0 if found is None else float(found[1]) * self._thousand ** "\0km".index(found[2] or "\0")
        if not 1 <= amount < 2**53:
            self.fail(f"{value!r}; accepted: a number above 0, also in K or M, as 64K", param, ctx)
        return int(amount)


_BYTES, _CYCLES = AmountType("BYTES", 1024), AmountType("CYCLES", 1000)


@click.command("search", short_help="Choose the precision of each layer.")
@model_options
@click.option("--data", type=click.Path(), metavar="DATA", help="Samples to judge by  [default: 30 % of those above]")
@labels_option
@click.option("--flash", type=_BYTES, help="At most so much, as 64K: of the image on the target, else of constants.")
@click.option("--ram", type=_BYTES, help="Likewise: arena, variables and stack on the target, else the arena.")
@click.option("--cycles", type=_CYCLES, help="At most so many for a run, as 5M; needs --target.")
@click.option("--max-drop", type=click.FloatRange(-100, 100), metavar="POINTS", help="Top-1 that may be lost.")
@click.option(
    "--min-sqnr", type=float, metavar="DB", default=LEAST_SQNR, show_default=True, help="Least SQNR of the outputs."
)
@click.option(
    "--widths",
    metavar="TYPES",
    default="int8,int4,int3,int2",
    show_default=True,
    help=f"Types of weights to choose from: {', '.join(WEIGHTS)}.",
)
@click.option("--trials", type=click.IntRange(1), default=TRIALS, show_default=True, help="How many to try for real.")
@click.option("--seed", type=click.IntRange(0), default=0, metavar="N", help="Of which samples are held out.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes  [default: as many as there are cores]")
@click.option("-o", "--output", type=click.Path(), metavar="FILE", help="Scheme to write  [default: MODEL.scheme.toml]")
@click.option("--plot", "picture", type=click.Path(), metavar="FILE", help="Draw the front: .svg, .png or .pdf.")
@json_option
def search_command(model: str, **choices: Any) -> None:
    """Choose the type of each layer's weights in MODEL, and write a scheme that `edgeq compile --scheme` takes.

    With --flash, --ram or --cycles the most accurate that fits is taken; without, the smallest that is accurate
    enough. Weights are fitted on 70 % of the samples (or --calibration-samples) and judged on the others, or --data.

    What was computed is kept in FILE.trials: the same command goes on where it was interrupted.
    """
    own = {name: choices.pop(name) for name in _OWN}
    source = source_from(model, choices)
    if own["picture"] is not None:
        require_plot(own["picture"])
    output = own["output"] or f"{Path(model).stem}.scheme.toml"
    with tracking(f"searching {model}") as track:
        result = search(
            _setting(source, own, choices),
            Limits(own["flash"], own["ram"], own["cycles"], own["max_drop"], own["min_sqnr"]),
            trials=own["trials"],
            jobs=own["jobs"] or os.cpu_count() or 1,
            journal=f"{output}.trials",
            track=track,
        )
    write_file(output, scheme_text(result.scheme, _title(source, result)).encode())
    if own["picture"] is not None:
        write_file(own["picture"], plot(result, own["picture"]))
    if own["as_json"]:
        print_json(_document(result, output))
    else:
        _print(result, output, own["picture"])


_OWN = (
    *("data", "labels", "flash", "ram", "cycles", "max_drop", "min_sqnr", "widths", "trials", "seed", "jobs"),
    *("output", "picture", "as_json"),
)
"""Options that are not those of `model_options`."""


def _setting(source: Source, own: dict[str, Any], choices: dict[str, Any]) -> Setting:
    if source.auto or source.scheme.weights != Scheme().weights:
        raise EdgeqError("--weights, which is what the search chooses; accepted: --widths TYPES to choose from")
    if source.calibration is None:
        raise EdgeqError("there are no samples to fit weights on; accepted: --calibrate DATA")
    preprocessing = Preprocessing(mean=choices["mean"], std=choices["std"])
    return Setting(
        file=ModelFile.read(source.model),
        calibration=source.calibration,
        scheme=source.scheme,
        options=source.options,
        shapes=source.shapes,
        data=None if own["data"] is None else Calibration(own["data"], preprocessing=preprocessing),
        labels=None if own["labels"] is None else labels_from(own["labels"], own["data"] or source.calibration.source),
        widths=parse_widths(own["widths"]),
        seed=own["seed"],
    )


def _title(source: Source, result: Result) -> str:
    chosen, plain = result.chosen, result.plain
    return (
        f"Chosen by `edgeq search` for {Path(source.model).name}: {describe(chosen)}\n"
        f"int8 throughout: {describe(plain)}\n"
        f"on {plural(result.judged_on, 'sample')} that nothing was fitted on"
    )


def _document(result: Result, output: str) -> dict[str, Any]:
    front = result.front
    return {
        "schema_version": 1,
        "scheme": output,
        "fitted_on": result.fitted_on,
        "judged_on": result.judged_on,
        "layers": [
            {
                "layer": layer.name,
                "weights": layer.size,
                "noise_db": {w: _db(n[layer.name]) for w, n in result.noise.items()},
            }
            for layer in result.layers
        ],
        "trials": [t.document() | {"front": t in front, "chosen": t is result.chosen} for t in result.trials],
    }


def _layer(result: Result, layer: SearchedLayer) -> dict[str, Any]:
    noise = {width: _db(found[layer.name]) for width, found in result.noise.items()}
    return {"layer": layer.name, "weights": layer.size, "noise_db": noise}


def _db(ratio: float) -> float | None:
    return 10 * math.log10(ratio) if ratio > 0 else None


def _print(result: Result, output: str, picture: str | None) -> None:
    console = stdout()
    chosen, plain = result.chosen, result.plain
    saved = 1 - chosen.weight_bytes / max(1, plain.weight_bytes)
    console.print(_layers(result), "", _trials(result), "", sep="\n")
    without = "" if chosen.cycles is not None else " of constants"
    written = f"{safe(output)}{f', {safe(picture)}' if picture else ''}; results kept in {safe(output)}.trials"
    lines = {
        "weights": f"{size(chosen.weight_bytes)}, {saved:.1%} less than {size(plain.weight_bytes)} in int8",
        "flash": f"{size(chosen.flash)}{without}; int8 {size(plain.flash)}",
        "judged on": f"{plural(result.judged_on, 'sample')}; weights fitted on {plural(result.fitted_on, 'other')}",
        "written": written,
        "next": f"edgeq compile {as_typed(*_NOT_OF_COMPILE)} --scheme {safe(output)} -o OUT",
    }
    console.print(facts(lines))


_NOT_OF_COMPILE = (*_OWN, "scheme")


def _layers(result: Result) -> Table:
    """What was chosen for each layer, and the noise that each width was taken to bring."""
    widths = [*result.noise]
    heads = ("weights", *widths)
    rows = table("chosen", *heads, "layer", numbers=heads)
    for layer in result.layers:
        noise = [_noise(result.noise[width][layer.name]) for width in widths]
        chosen = result.chosen.assignment.weights.get(layer.name, "int8")
        rows.add_row(chosen, number(layer.size), *noise, last(layer.name))
    return rows


def _noise(ratio: float) -> str:
    found = _db(ratio)
    return "none" if found is None else f"{-found:.1f}"


def _trials(result: Result) -> Table:
    columns = [c for c in _COLUMNS if any(c[1](t) for t in result.trials)]
    heads = [head for head, _ in columns]
    rows = table("", *heads, "", numbers=heads)
    front = result.front
    for trial in result.trials:
        mark = "chosen" if trial is result.chosen else "int8" if trial is result.plain else ""
        rows.add_row("*" if trial in front else "", *(cell(trial) for _, cell in columns), mark)
    return rows


def _counts(trial: Trial) -> str:
    """How many layers have which type, but for int8."""
    found: list[str] = [*trial.assignment.weights.values()]
    parts = [f"{found.count(w)} {w}" for w in WEIGHTS if w in found]
    if trial.assignment.wide:
        parts.append(f"{len(trial.assignment.wide)} of 16 bits")
    return ", ".join(parts)


_COLUMNS: Sequence[tuple[str, Callable[[Trial], str]]] = (
    ("flash", lambda t: number(t.flash)),
    ("weights", lambda t: number(t.weight_bytes)),
    ("RAM", lambda t: number(t.ram)),
    ("cycles", lambda t: "" if t.cycles is None else number(t.cycles)),
    ("SQNR", lambda t: f"{t.sqnr:.1f}" if math.isfinite(t.sqnr) else "exact"),
    ("top-1", lambda t: "" if t.top1 is None else f"{t.top1:.2%}"),
    ("drop", lambda t: "" if t.drop is None else f"{t.drop:.2f}"),
    ("layers narrower than int8", _counts),
)
