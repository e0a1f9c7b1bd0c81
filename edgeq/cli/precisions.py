"""What `edgeq compare --precisions` prints: one model in several precisions, side by side."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from rich.table import Table

from edgeq.cli.console import number, print_json, stdout, table, tracking
from edgeq.cli.options import Source, compile_source
from edgeq.compiler import CompiledModel
from edgeq.frontend import Calibration
from edgeq.ir.graph import Array
from edgeq.precisions import Precision, precisions
from edgeq.quantize.scheme import Scheme


def print_precisions(
    source: Source, names: Sequence[str], samples: Calibration, labels: Array | None, *, as_json: bool
) -> None:
    """Compile and run the model in each precision, and print a line for each."""
    with tracking(f"comparing {source.model}") as track:

        def build(scheme: Scheme) -> CompiledModel:
            return compile_source(replace(source, scheme=scheme), track)

        rows = [*precisions(names, build, source.scheme, samples, labels)]
    if as_json:
        print_json({"precisions": [_document(row) for row in rows]})
        return
    console = stdout()
    console.print(_table(rows), "", sep="\n")
    console.print("constants and RAM in bytes; of floats what they take at least. SQNR of the outputs in dB")


def _document(row: Precision) -> dict[str, Any]:
    """JSON has no infinity: the SQNR is null where nothing differs."""
    return asdict(row) | {"sqnr": row.sqnr if math.isfinite(row.sqnr) else None}


def _table(rows: Sequence[Precision]) -> Table:
    heads = ("constants", "RAM", "cycles", "SQNR", "top-1", "flips")
    lines = table("precision", *heads, numbers=heads)
    for row in rows:
        lines.add_row(
            row.name,
            number(row.constant_bytes),
            number(row.arena_bytes),
            "-" if row.cycles is None else number(row.cycles),
            f"{row.sqnr:.1f}" if math.isfinite(row.sqnr) else "exact",
            "-" if row.top1 is None else f"{row.top1:.2%}",
            "-" if row.flips is None else f"{row.flips:.2%}",
        )
    return lines
