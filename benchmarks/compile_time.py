"""Where the time of `edgeq compile` goes: seconds per stage, best of five.

python benchmarks/compile_time.py MODEL [MODEL ...]
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from edgeq.emit import Banner, emit
from edgeq.importers import import_model
from edgeq.passes import PIPELINE, run_passes
from edgeq.program import build_program

_ROUNDS = 5


def _best(stage: Callable[[], Any]) -> tuple[float, Any]:
    best, result = float("inf"), None
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        result = stage()
        best = min(best, time.perf_counter() - start)
    return best, result


def measure(path: Path) -> dict[str, float]:
    """Seconds per stage, passes one by one."""
    data = path.read_bytes()
    seconds = {}
    seconds["import"], graph = _best(lambda: import_model(data, path.name))
    for step in PIPELINE:
        seconds[f"pass: {step.name}"], (graph, _) = _best(lambda g=graph, s=step: run_passes(g, [s]))
    seconds["program"], program = _best(lambda: build_program(graph, "net"))
    seconds["emit"], _ = _best(lambda: emit(program, Banner("0", path.name, "0", "none")))
    return seconds


def main(paths: list[str]) -> None:
    """Measure and print every model beside the others."""
    columns = {Path(p).stem: measure(Path(p)) for p in paths}
    table = Table("stage", *columns, title="seconds of edgeq compile, without the C compiler")
    for stage in next(iter(columns.values())):
        table.add_row(stage, *(f"{column[stage]:.3f}" for column in columns.values()))
    table.add_row("total", *(f"{sum(column.values()):.3f}" for column in columns.values()), style="bold")
    Console().print(table)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
