"""What each method brings at 4 bits: SQNR of the logits and lost top-1 of edgeq's C, side by side.

    python benchmarks/narrow.py SHARED [--seeds N] [--only NAME] [--json OUT.json] [--markdown docs/accuracy.md]

SHARED is the folder with `models/` and `datasets/`; models, samples and scores are those of `accuracy.py`. Weights are
int4 but for the first and the last layer, activations int8. With `--markdown`, the tables take the place of those
between two marks in the file, or come at its end. `--weights` takes another width.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from accuracy import TASKS, Net, Score, Task, edgeq_logits, score, splits

from edgeq.quantize.scheme import WEIGHTS, Scheme

_MARK, _END = "<!-- made by benchmarks/narrow.py -->", "<!-- end -->"

_BARE = Scheme(bias_correction=False, propagation=False, refine=False)
METHODS = {
    "rounding to nearest": replace(_BARE, weight_rounding="nearest", weight_range="minmax"),
    "MSE range": replace(_BARE, weight_rounding="nearest", weight_range="mse"),
    "AWQ, MSE range": replace(_BARE, weight_rounding="nearest", weight_range="mse", awq=True),
    "Hessian range": replace(_BARE, weight_rounding="nearest", weight_range="hessian"),
    "AdaRound": replace(_BARE, weight_rounding="adaround"),
    "GPTQ": _BARE,
    "GPTQ, coordinate descent": replace(_BARE, refine=True),
    "the same, bias correction": replace(_BARE, refine=True, bias_correction=True),
    "the same, propagation (default)": Scheme(),
    "default with AdaRound for GPTQ": Scheme(weight_rounding="adaround"),
    "default after AWQ": Scheme(awq=True),
}

BARS = {
    "kws": (25, 0.75),
    "alibaba_kws": (22, 1.0),
    "resnet8": (24, 1.0),
    "mnist_resnet": (28, 0.25),
    "mnist_valid": (23, 0.5),
    "mnist8": (34, 0.25),
    "vww96": (18, None),
}
"""Of the default with int4: the least SQNR in dB, and points of top-1 that may be lost."""


@dataclass(frozen=True)
class Row:
    """All scores of one method on one model."""

    model: str
    method: str
    scores: tuple[Score, ...]

    def mean(self, what: str) -> float:
        """Of all splits."""
        return statistics.fmean(getattr(s, what) for s in self.scores)


def measure(task: Task, shared: Path, seeds: int, weights: str, methods: Sequence[str]) -> list[Row]:
    """Every method on every split of one model."""
    net = Net(shared / "models" / task.model)
    scores: dict[str, list[Score]] = {name: [] for name in methods}
    # A task in folds is cut in as many, however few are measured.
    for number, split in zip(range(seeds), splits(task, shared, 5 if task.folds else seeds), strict=False):
        right = net.logits(split.test)
        for name, found in scores.items():
            start = time.perf_counter()
            logits = edgeq_logits(net, split, replace(METHODS[name], weights=weights))
            found.append(score(logits, right, split.labels))
            seconds = time.perf_counter() - start
            print(f"{task.name} {number + 1}/{seeds} {name}: {found[-1].sqnr:.1f} dB, {seconds:.0f} s", file=sys.stderr)
    return [Row(task.name, name, tuple(found)) for name, found in scores.items()]


def markdown(rows: Sequence[Row]) -> str:
    """A table per figure, a line per method."""
    models, methods = (list(dict.fromkeys(getattr(r, what) for r in rows)) for what in ("model", "method"))
    found = {(r.model, r.method): r for r in rows}
    lines = []
    for index, (what, title) in enumerate((("sqnr", "SQNR of the logits, dB"), ("drop", "lost top-1, points"))):
        lines += [f"### {title}", "", _line(["method", *models]), "|---|" + "--:|" * len(models)]
        for method in methods:
            means = [round(found[model, method].mean(what), 2 - (what == "sqnr")) + 0.0 for model in models]
            lines.append(_line([method, *(f"{mean:.{2 - (what == 'sqnr')}f}" for mean in means)]))
        bars = [BARS[model][index] for model in models]
        lines += [_line(["*bar of the default*", *("-" if bar is None else f"{bar:g}" for bar in bars)]), ""]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def below(rows: Sequence[Row]) -> list[str]:
    """Bars that the default does not reach, a sentence each."""
    said = []
    for row in (r for r in rows if METHODS[r.method] == Scheme()):
        least, most = BARS[row.model]
        if row.mean("sqnr") < least:
            said.append(f"{row.model}: {row.mean('sqnr'):.2f} dB; the bar is {least:g}")
        if most is not None and row.mean("drop") > most:
            said.append(f"{row.model}: loses {row.mean('drop'):.2f} points of top-1; the most is {most:g}")
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
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--weights", choices=[w for w in WEIGHTS if w != "int8"], default="int4")
    parser.add_argument("--only", action="append", choices=[t.name for t in TASKS], help="this model; repeatable")
    parser.add_argument("--method", action="append", choices=list(METHODS), help="this method; repeatable")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    chosen = parser.parse_args()
    methods = chosen.method or list(METHODS)
    tasks = [t for t in TASKS if t.name in (chosen.only or BARS)]
    rows = [r for t in tasks for r in measure(t, chosen.shared, chosen.seeds, chosen.weights, methods)]
    print(markdown(rows))
    if chosen.weights == "int4":
        print("\n".join(below(rows)) or "every bar is reached")
    if chosen.json:
        document = {"schema_version": 1, "weights": chosen.weights, "rows": [asdict(r) for r in rows]}
        chosen.json.write_text(json.dumps(document, indent=1) + "\n")
    if chosen.markdown:
        _write_between_marks(chosen.markdown, markdown(rows))


if __name__ == "__main__":
    main()
