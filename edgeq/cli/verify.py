"""`edgeq verify`: does the generated C compute what it should?"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from edgeq.cli.console import (
    facts,
    last,
    number,
    plural,
    print_json,
    safe,
    short_source,
    stdout,
    table,
    tracker,
    working,
)
from edgeq.cli.options import compile_from, json_option, model_options
from edgeq.compiler import CompiledModel
from edgeq.peers import AUTO, CHOICES
from edgeq.samples import Samples, load_samples, random_samples
from edgeq.verification import Comparison, Verification, verify


@click.command("verify", short_help="Compare the generated C with another runtime.")
@model_options
@click.option(
    "-i", "--input", "source", type=click.Path(), metavar="IN", help="Inputs, as for `edgeq run`; else random."
)
@click.option(
    "--against",
    type=click.Choice(CHOICES),
    default=AUTO,
    help="tflm, litert, onnxruntime: the file there; edgeq: the same integers in NumPy  [default: auto: tflm for "
    "TFLite files of integers, else edgeq]",
)
@click.option(
    "--samples", "count", type=click.IntRange(1), metavar="N", default=100, show_default=True, help="Random inputs."
)
@click.option("--seed", type=click.IntRange(0), metavar="N", default=0, show_default=True, help="Of the random inputs.")
@click.option("--layers", is_flag=True, help="Compare every layer, not only the outputs.")
@click.option(
    "--tolerance",
    type=click.IntRange(0),
    metavar="N",
    help="Differences up to N steps pass  [default: 0; 1 against onnxruntime]",
)
@json_option
def verify_command(
    model: str,
    *,
    source: str | None,
    against: str,
    count: int,
    seed: int,
    layers: bool,
    tolerance: int | None,
    as_json: bool,
    **choices: object,
) -> None:
    """Compare MODEL's generated C with another runtime, or with edgeq's own integers in NumPy, value by value.

    The exit status is 1 if any value differs by more than the tolerance.
    """
    compiled = compile_from(model, choices)
    with working(f"building {compiled.program.name}"):
        if source:
            samples = load_samples(source, compiled.program.inputs)
        else:
            samples = random_samples(compiled.program, count, seed)
        compiled.host  # noqa: B018 - compiles the C, under the spinner
    track = tracker("comparing", len(samples))
    result = verify(compiled, against, samples, layers=layers, tolerance=tolerance, track=track)
    if as_json:
        print_json(_document(compiled, samples, result))
    else:
        inputs = f"from {safe(source)}" if source else f"random, over the whole range, seed {seed}"
        _print(compiled, result, inputs, [*map(safe, samples.notes)])
    if not result.passed:
        click.get_current_context().exit(1)


def _print(compiled: CompiledModel, result: Verification, inputs: str, notes: Sequence[str]) -> None:
    console = stdout()
    header = {
        "C code": compiled.program.name,
        "against": result.runtime,
        "package": f"{result.package} {result.version}",
        "inputs": "\n".join([f"{result.samples:,} {inputs}", *notes]),
    }
    console.print(facts(header), "", sep="\n")
    if result.layers:
        console.print(_table("layer", result, result.layers), "", sep="\n")
    console.print(_table("output", result, result.outputs), "", sep="\n")
    console.print(_verdict(result))
    for line in result.deviations if any(c.different for c in (*result.outputs, *result.layers)) else ():
        console.print(f"known to be off by 1 at times, which later layers amplify: {line}")


def _table(first: str, result: Verification, comparisons: Sequence[Comparison]) -> Table:
    rows = table(first, "compared", "different", "largest", "source", numbers=("compared", "different", "largest"))
    for c in comparisons:
        style = "" if c.different == 0 else ("yellow" if result.accepts(c) else "bold red")
        counts = [number(c.compared), number(c.different), f"{c.largest:.6g}"]
        rows.add_row(c.name, *counts, last(c.source), style=style)
    return rows


def _verdict(result: Verification) -> Text:
    compared = sum(c.compared for c in (*result.outputs, *result.layers))
    different = sum(c.different for c in (*result.outputs, *result.layers))
    largest = max(c.largest for c in (*result.outputs, *result.layers))
    if different == 0:
        return Text(
            f"equal: {plural(result.samples, 'inference')}, {number(compared)} values, none differs", "bold green"
        )
    counted = f"{number(different)} of {number(compared)} values differ, by up to {largest:.6g}"
    if result.passed:
        return Text(f"within the tolerance of {result.tolerance:.6g}: {counted}", "bold yellow")
    first = result.first_bad
    where = f"; first bad layer: {first.name}, {short_source(first.source)}" if first else ""
    return Text(f"different: {counted}{where}", "bold red")


def _document(compiled: CompiledModel, samples: Samples, result: Verification) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "name": compiled.program.name,
        "passed": result.passed,
        "first_bad_layer": result.first_bad.name if result.first_bad else None,
        "notes": list(samples.notes),
        **asdict(result),
    }
