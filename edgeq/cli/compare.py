"""`edgeq compare`: what does quantization cost, and where?"""

import math
from dataclasses import asdict
from typing import Any

import click
from rich.table import Table

from edgeq.analysis import Accuracy, Comparison, Difference, compare
from edgeq.cli.console import (
    facts,
    last,
    plural,
    print_json,
    safe,
    short_source,
    stdout,
    table,
    tracking,
    working,
)
from edgeq.cli.options import compile_from, json_option, labels_from, labels_option, model_options, source_from
from edgeq.cli.precisions import print_precisions
from edgeq.compiler import CompiledModel
from edgeq.errors import EdgeqError
from edgeq.frontend import Calibration
from edgeq.precisions import NAMES, parse_names
from edgeq.quantize.data import Preprocessing

SORTS = ("accumulated", "isolated", "order")


@click.command("compare", short_help="Compare the quantized with the float network.")
@model_options
@click.option("--data", type=click.Path(), metavar="DATA", help="Samples to compare on  [default: those to calibrate]")
@labels_option
@click.option("--against", type=click.Path(), metavar="MODEL", help="Compare the outputs with this float model.")
@click.option(
    "--sort", type=click.Choice(SORTS), default=SORTS[0], show_default=True, help="Layers: worst first, or in order."
)
@click.option(
    "--precisions",
    metavar="NAMES",
    help=f"Compare these side by side instead: all, or some of {','.join(NAMES)}; cycles with --target.",
)
@json_option
def compare_command(
    model: str,
    *,
    data: str | None,
    labels: str | None,
    against: str | None,
    sort: str,
    precisions: str | None,
    as_json: bool,
    **choices: Any,
) -> None:
    """Compare MODEL, quantized, with its float self: layer by layer, at the outputs and, given labels, by class.

    Every layer is shown as it is with everything quantized, and alone: with nothing but itself quantized. With
    --precisions, the whole model is shown in each of them: size, memory, cycles, accuracy.
    """
    source = data or choices["calibrate"]
    if source is None:
        raise EdgeqError("there are no samples to compare on; accepted: --data or --calibrate with sample inputs")
    classes = None if labels is None else labels_from(labels, source)
    samples = Calibration(source, preprocessing=Preprocessing(mean=choices["mean"], std=choices["std"]))
    if precisions is not None:
        if against is not None:
            raise EdgeqError("--precisions with --against; accepted: one of them")
        print_precisions(source_from(model, choices), parse_names(precisions), samples, classes, as_json=as_json)
        return
    compiled = compile_from(model, choices)
    with working(f"building {compiled.program.name}"):
        compiled.host  # noqa: B018 - compiles the C, under the spinner
    with tracking(f"comparing {model}") as track:
        result = compare(compiled, samples, classes, against=against, track=track)
    if as_json:
        print_json(_document(compiled, result, sort))
    else:
        _print(compiled, result, source, sort)


def _print(compiled: CompiledModel, result: Comparison, source: str, sort: str) -> None:
    console = stdout()
    header = {
        "model": safe(compiled.report.model.file),
        "data": "\n".join([f"{plural(result.samples, 'sample')} of {safe(source)}", *map(safe, result.notes)]),
        **(_accuracy(result.accuracy) if result.accuracy else {}),
    }
    console.print(facts(header), "", sep="\n")
    if result.layers:
        console.print(_layers(result, sort), "", sep="\n")
    console.print(_outputs(result), "", sep="\n")
    if result.layers:
        console.print("SQNR in dB against the float model, with everything quantized, and with that layer alone")
    unequal = sum(output.unequal for output in result.outputs)
    if unequal:
        console.print(
            f"the C differs from integer evaluation in {plural(unequal, 'value')}: a bug in edgeq", style="bold red"
        )


def _accuracy(accuracy: Accuracy) -> dict[str, str]:
    top1 = {"float": accuracy.real, "quantized": accuracy.quantized, "C": accuracy.c}
    return {
        "top-1": ", ".join(f"{name} {share:.2%}" for name, share in top1.items()),
        "flips": f"{accuracy.flips:.2%} of the samples are of another class in C than in float",
    }


def _layers(result: Comparison, sort: str) -> Table:
    heads = ("SQNR", "cosine", "largest", "alone", "cosine", "largest")
    rows = table(*heads, "type", "method", "layer", numbers=heads)
    for layer in result.layers if sort == "order" else result.worst_first(sort):
        method = f"{layer.method}, {layer.weights}" if layer.weights else layer.method
        name = short_source(layer.source) if layer.source else f"input {layer.tensor}"
        cells = [*_cells(layer.accumulated), *_cells(layer.isolated), layer.encoding.split(" ")[0], method]
        rows.add_row(*cells, last(f"{layer.op} {name}" if layer.source else name))
    return rows


def _outputs(result: Comparison) -> Table:
    heads = ("SQNR", "cosine", "largest")
    rows = table("output", *heads, "before softmax", "type", "tensor", numbers=(*heads, "before softmax"))
    for o in result.outputs:
        scores = _sqnr(o.scores) if o.scores else "-"
        rows.add_row(o.symbol, *_cells(o.output), scores, safe(o.type.split(" ")[0]), last(o.tensor))
    return rows


def _cells(difference: Difference) -> list[str]:
    return [_sqnr(difference), f"{difference.cosine:.5f}", f"{difference.largest:.3g}"]


def _sqnr(difference: Difference) -> str:
    return "exact" if difference.sqnr == math.inf else f"{difference.sqnr:.1f}"


def _document(compiled: CompiledModel, result: Comparison, sort: str) -> dict[str, Any]:
    """JSON has no infinity: an SQNR is null where there is no noise, or no signal."""
    layers = result.layers if sort == "order" else result.worst_first(sort)
    document = asdict(result) | {"layers": [asdict(layer) for layer in layers]}
    for entry in (*document["layers"], *document["outputs"]):
        for difference in (v for v in entry.values() if isinstance(v, dict)):
            if not math.isfinite(difference["sqnr"]):
                difference["sqnr"] = None
    if result.accuracy is not None:
        document["accuracy"]["float"] = document["accuracy"].pop("real")
    return {"schema_version": 1, "name": compiled.program.name, "sort": sort, **document}
