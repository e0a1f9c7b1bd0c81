"""What each method brings at 4 bits, and what fewer bits cost: SQNR of the logits and lost top-1 of edgeq's C.

    python benchmarks/narrow.py SHARED [--cells FILE.json] [--seeds N] [--only NAME] [--markdown docs/accuracy.md]

SHARED is the folder with `models/` and `datasets/`; models, samples and scores are those of `accuracy.py`. Activations
are int8, and so are the weights of the first and the last layer. A cell is one method on one seed of one model; cells
are computed in parallel, and with `--cells` kept as soon as they are there, so that a run that is cut short goes on
where it was. `--seeds` is for the default and for groups, `--other-seeds` for the other rows. With `--markdown`, the
tables take the place of those between two marks in the file, or come at its end.
"""

import argparse
import functools
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from accuracy import TASKS, Net, Split, Task, edgeq_logits, score, splits

from edgeq.quantize.scheme import Scheme

_MARK, _END = "<!-- made by benchmarks/narrow.py -->", "<!-- end -->"
_SPLITS = 5

_DEFAULT = Scheme(weights="int4")
_BARE = replace(_DEFAULT, bias_correction=False, propagation=False, refine=False)
METHODS = {
    "rounding to nearest": replace(_BARE, weight_rounding="nearest", weight_range="minmax"),
    "MSE range": replace(_BARE, weight_rounding="nearest", weight_range="mse"),
    "AWQ, MSE range": replace(_BARE, weight_rounding="nearest", weight_range="mse", awq=True),
    "Hessian range": replace(_BARE, weight_rounding="nearest", weight_range="hessian"),
    "AdaRound": replace(_BARE, weight_rounding="adaround"),
    "GPTQ": _BARE,
    "GPTQ, coordinate descent": replace(_BARE, refine=True),
    "the same, bias correction": replace(_BARE, refine=True, bias_correction=True),
    "the same, propagation: the default": _DEFAULT,
    "default in groups of 32": replace(_DEFAULT, weight_groups=32),
    "default with AdaRound for GPTQ": replace(_DEFAULT, weight_rounding="adaround"),
    "default after AWQ": replace(_DEFAULT, awq=True),
}
WIDTHS = {
    "int3": replace(_DEFAULT, weights="int3"),
    "int2": replace(_DEFAULT, weights="int2"),
    "binary": replace(_DEFAULT, weights="binary"),
}
_FINAL = tuple(name for name, scheme in METHODS.items() if replace(scheme, weight_groups=0) == _DEFAULT)
"""Rows that are measured on more seeds."""

BARS = {
    "kws": (25, 0.75),
    "alibaba_kws": (22, 1.0),
    "resnet8": (24, 1.0),
    "mnist_resnet": (28, 0.25),
    "mnist_valid": (23, 0.5),
    "mnist8": (34, 0.25),
    "vww96": (18, None),
}
"""Of the default: the least SQNR in dB, and points of top-1 that may be lost."""

_FIGURES = (("sqnr", "SQNR of the logits, dB", 1), ("drop", "lost top-1, points", 2))


@dataclass(frozen=True)
class Key:
    """What a cell is of."""

    model: str
    method: str
    seed: int


@dataclass(frozen=True)
class Cell:
    """What was measured: SQNR of the logits in dB, lost top-1 in points, changed classes in percent, and seconds."""

    key: Key
    sqnr: float
    drop: float
    flips: float
    seconds: float


# One cell, in a process of its own


@functools.cache
def _task(name: str) -> Task:
    return next(t for t in TASKS if t.name == name)


@functools.lru_cache(maxsize=1)
def _net(shared: Path, model: str) -> Net:
    return Net(shared / "models" / _task(model).model)


@functools.lru_cache(maxsize=1)
def _split(shared: Path, model: str, seed: int) -> tuple[Split, Any]:
    """Samples, and the float model's logits of those to measure on."""
    split = next(islice(splits(_task(model), shared, _SPLITS), seed, None))
    return split, _net(shared, model).logits(split.test)


def measure(shared: Path, key: Key) -> Cell:
    """Quantize, compile, run the C."""
    start = time.perf_counter()
    split, right = _split(shared, key.model, key.seed)
    logits = edgeq_logits(_net(shared, key.model), split, {**METHODS, **WIDTHS}[key.method])
    found = score(logits, right, split.labels)
    return Cell(key, found.sqnr, found.drop, found.flips, time.perf_counter() - start)


# All cells


def wanted(models: Sequence[str], methods: Sequence[str], seeds: int, others: int) -> list[Key]:
    """Every cell, those first that the first seeds are of, so that a run cut short has means of all rows."""
    keys = [Key(model, method, seed) for seed in range(_SPLITS) for model in models for method in methods]
    return [k for k in keys if k.seed < (seeds if k.method in _FINAL else others)]


def compute(shared: Path, keys: Sequence[Key], jobs: int) -> Iterator[Cell]:
    """The cells as they come, from processes with one BLAS thread each: what they make does not depend on how many."""
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(measure, shared, key) for key in keys]
        for number, future in enumerate(as_completed(waiting), 1):
            cell = future.result()
            where = f"{cell.key.model}, {cell.key.method}, seed {cell.key.seed}"
            print(
                f"{number}/{len(keys)} {where}: {cell.sqnr:.1f} dB, {cell.seconds:.0f} s", file=sys.stderr, flush=True
            )
            yield cell


def read_cells(path: Path | None) -> dict[Key, Cell]:
    """Those of a run before; none where there is no file."""
    if path is None or not path.exists():
        return {}
    rows = json.loads(path.read_text())["cells"]
    return {key: Cell(key, **row) for row in rows if (key := Key(**row.pop("key")))}


def write_cells(path: Path, cells: dict[Key, Cell]) -> None:
    """The whole file at once: a run that is cut short leaves the one before."""
    document = {"schema_version": 2, "cells": [asdict(c) for c in cells.values()]}
    fresh = path.with_suffix(".part")
    fresh.write_text(json.dumps(document, indent=1) + "\n")
    fresh.replace(path)


# Tables


def markdown(cells: dict[Key, Cell]) -> str:
    """For the methods at 4 bits, then for fewer bits: a table per figure, a line per row."""
    lines = []
    for title, methods in (("Weights of 4 bits", METHODS), ("Fewer bits, by the default", WIDTHS)):
        rows = [m for m in methods if any(k.method == m for k in cells)]
        for what, figure, digits in _FIGURES if rows else ():
            lines += [f"### {title}: {figure}", "", *_table(cells, rows, what, digits)]
            if methods is METHODS:
                bars = [BARS[model][what != "sqnr"] for model in _models(cells)]
                lines.append(_line(["*bar of the default*", "", *("-" if b is None else f"{b:g}" for b in bars)]))
            lines.append("")
    return "\n".join(lines)


def _table(cells: dict[Key, Cell], rows: Sequence[str], what: str, digits: int) -> Iterator[str]:
    models = _models(cells)
    yield _line(["method", "seeds", *models])
    yield "|---|" + "--:|" * (len(models) + 1)
    for row in rows:
        found = [_values(cells, model, row, what) for model in models]
        counts = sorted({len(values) for values in found if values})
        means = [f"{round(statistics.fmean(v), digits) + 0.0:.{digits}f}" if v else "-" for v in found]
        yield _line([row, " to ".join(str(n) for n in (counts[:1] + counts[1:][-1:])), *means])


def _models(cells: dict[Key, Cell]) -> list[str]:
    return [model for model in BARS if any(k.model == model for k in cells)]


def _values(cells: dict[Key, Cell], model: str, method: str, what: str) -> list[float]:
    return [getattr(c, what) for k, c in cells.items() if (k.model, k.method) == (model, method)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def below(cells: dict[Key, Cell]) -> list[str]:
    """Bars that the default does not reach, a sentence each."""
    said = []
    default = next(name for name, scheme in METHODS.items() if scheme == _DEFAULT)
    for model in _models(cells):
        sqnrs, drops = (_values(cells, model, default, what) for what in ("sqnr", "drop"))
        least, most = BARS[model]
        if sqnrs and statistics.fmean(sqnrs) < least:
            said.append(f"{model}: {statistics.fmean(sqnrs):.2f} dB; the bar is {least:g}")
        if drops and most is not None and statistics.fmean(drops) > most:
            said.append(f"{model}: loses {statistics.fmean(drops):.2f} points of top-1; the most is {most:g}")
    return said


def _write_between_marks(document: Path, tables: str) -> None:
    """In the place of the tables that are there; at the end where there are no marks."""
    text = document.read_text() if document.exists() else ""
    before, mark, rest = text.partition(_MARK)
    _, end, after = rest.partition(_END)
    made = f"{_MARK}\n\n{tables}\n{_END}"
    document.write_text(f"{before}{made}{after}" if mark and end else f"{text}\n{made}\n")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=_SPLITS, choices=range(_SPLITS + 1))
    parser.add_argument("--other-seeds", type=int, default=2, choices=range(_SPLITS + 1))
    parser.add_argument("--only", action="append", choices=list(BARS), help="this model; repeatable")
    parser.add_argument("--method", action="append", choices=[*METHODS, *WIDTHS], help="this row; repeatable")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    parser.add_argument("--cells", type=Path, help="JSON of cells that are there, and to keep new ones in")
    parser.add_argument("--markdown", type=Path)
    chosen = parser.parse_args()
    cells = read_cells(chosen.cells)
    models, methods = chosen.only or list(BARS), chosen.method or [*METHODS, *WIDTHS]
    missing = [k for k in wanted(models, methods, chosen.seeds, chosen.other_seeds) if k not in cells]
    for cell in compute(chosen.shared, missing, chosen.jobs):
        cells[cell.key] = cell
        if chosen.cells:
            write_cells(chosen.cells, cells)
    print(markdown(cells))
    print("\n".join(below(cells)) or "every bar is reached")
    if chosen.markdown:
        _write_between_marks(chosen.markdown, markdown(cells))


if __name__ == "__main__":
    main()
