"""`edgeq compile`: a model file to a folder of C, and a page about it."""

from pathlib import Path

import click
import numpy as np
from rich.table import Table
from rich.text import Text

from edgeq.cli.console import facts, last, number, plural, safe, size, stdout, table
from edgeq.cli.options import as_typed, compile_from, json_option, model_options
from edgeq.cli.quantization import method_text, tensor_table, weight_table
from edgeq.report import PortInfo, Report


@click.command("compile", short_help="Compile a model to a folder of C.")
@model_options
@click.option("-o", "--output", required=True, type=click.Path(), metavar="OUT", help="Folder for the generated files.")
@click.option("-v", "--verbose", is_flag=True, help="Also list the layers, and say what every pass did.")
@json_option
def compile_command(model: str, output: str, *, verbose: bool, as_json: bool, **choices: object) -> None:
    """Compile MODEL to C in the folder OUT.

    Files of a former run in OUT are replaced; foreign ones are never touched.
    """
    compiled = compile_from(model, choices)
    compiled.write(output)
    if as_json:
        click.echo(compiled.report.to_json(), nl=False)
        return
    console = stdout()
    console.print(_summary(compiled.report))
    if verbose:
        console.print("", _layers(compiled.report), "", _passes(compiled.report), sep="\n")
        if compiled.report.quantization:
            console.print(
                "", tensor_table(compiled.report.quantization), "", weight_table(compiled.report.quantization), sep="\n"
            )
    console.print("", _next_steps(compiled.report, output, as_typed("output", "verbose", "as_json")), sep="\n")


def _summary(report: Report) -> Table:
    return facts(
        {
            "model": f"{safe(report.model.file)}, {size(report.model.bytes)}",
            "SHA-256": report.model.sha256,
            **({"quantized": method_text(report.quantization)} if report.quantization else {}),
            **{port.symbol: _port(port) for port in (*report.inputs, *report.outputs)},
            "layers": _layer_count(report),
            **({"transposes": _transposes(report)} if report.transposes else {}),
            "MACs": number(report.macs),
            "flash": Text.assemble((size(report.weight_bytes), "bold"), " of constants, plus code"),
            "RAM": _arena(report),
            "kernels": ", ".join(k.removeprefix("edgeq_") for k in report.kernels),
        }
    )


def _transposes(report: Report) -> str:
    reasons = "; ".join(f"{safe(t.node)}: {safe(t.reason)}" for t in report.transposes)
    return f"{len(report.transposes)} at run time: {reasons}"


def _port(port: PortInfo) -> Text:
    shape = ",".join(map(str, port.shape))
    quant = f", scale {np.float32(port.quant.scale)!s}, zero point {port.quant.zero_point}" if port.quant else ""
    return Text.assemble((f"{port.dtype}[{shape}]", "bold"), f"{quant}, {port.bytes:,} B  ", (safe(port.tensor), "dim"))


def _layer_count(report: Report) -> str:
    placements = [layer.placement for layer in report.layers]
    views = placements.count("view")
    counts = [f"{placements.count(p)} {p}" for p in ("in place", "overlapping") if p in placements]
    notes = [plural(views, "view")] * bool(views) + counts
    return f"{len(placements)} ({', '.join(notes)})" if notes else str(len(placements))


def _arena(report: Report) -> Text:
    memory = report.memory
    peak = report.layers[memory.peak_layer]
    text = Text.assemble((size(memory.arena_bytes), "bold"), " of arena, ")
    if memory.arena_bytes == memory.lower_bound_bytes:
        text.append("the lower bound", "green")
    else:
        above = memory.arena_bytes / memory.lower_bound_bytes - 1
        text.append(f"{above:.1%} above the lower bound of {memory.lower_bound_bytes:,} B", "yellow")
    return text.append(f" (layer {peak.index}, {peak.op})")


def _layers(report: Report) -> Table:
    numbers = ("layer", "MACs", "flash", "offset")
    rows = table("layer", "op", "output", "MACs", "flash", "offset", "source", numbers=numbers)
    for layer in report.layers:
        output = layer.outputs[0]
        op = layer.op if layer.placement == "own" else f"{layer.op}, {layer.placement}"
        counts = [number(layer.macs), number(layer.weight_bytes), number(output.offset)]
        rows.add_row(str(layer.index), op, output.type.split(" ")[0], *counts, last(layer.source))
    return rows


def _passes(report: Report) -> Table:
    rows = table("pass", "what it did")
    for step in report.passes:
        for index, change in enumerate(step.changes or ("nothing",)):
            rows.add_row(step.name if index == 0 else "", Text(safe(change), "" if step.changes else "dim"))
    return rows


def _next_steps(report: Report, output: str, arguments: str) -> Table:
    name = report.name
    return facts(
        {
            "written": f"{plural(len(report.files), 'file')} in {safe(output)}; include {name}.h",
            "prove it": f"edgeq verify {arguments}",
            "build it": f"CMake: add_subdirectory({safe(Path(output).name)}), link edgeq::{name}",
            "test it": f"{name}_self_test() on the board",
        }
    )
