"""What `edgeq search` saves: bytes of weights beside int8 weights, and what that costs on samples it never saw.

    python benchmarks/mixed.py SHARED [--seeds N] [--only NAME] [--cells FILE.json] [--markdown docs/accuracy.md]

SHARED is the folder with `models/` and `datasets/`; models, samples and scores are those of `accuracy.py`. Of the 100
samples of a seed the search fits on 70 and judges by the other 30, without labels. Its scheme is then fitted on all
100, and the C is measured on the rest of the data set. `--cells` keeps what was found, so that a run that is cut short
goes on where it was.
"""

import argparse
import json
import os
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from accuracy import TASKS, Net, edgeq_logits, score, splits
from cortex_m import replace_between

from edgeq.frontend import Calibration, ModelFile
from edgeq.search import Limits, Setting, search

SEARCHES = {
    "4 and 8 bits, 22 dB": (("int8", "int4"), 22.0),
    "2, 3, 4 and 8 bits, 20 dB": (("int8", "int4", "int3", "int2"), 20.0),
}
"""Name to the widths, and the least SQNR in dB on the samples held out."""

_MODELS = ("kws", "alibaba_kws", "resnet8", "mnist_resnet", "mnist_valid", "mnist8")
_MARKS = "<!-- made by benchmarks/mixed.py -->", "<!-- end -->"
_FITTED = 70


@dataclass(frozen=True)
class Cell:
    """One search on one seed.

    Attributes:
        model: short name.
        search: key of `SEARCHES`.
        seed: of the samples.
        saved: percent of the bytes of int8 weights.
        held_out: SQNR in dB on the samples that the search judged by.
        sqnr: on the rest of the data set.
        drop: points of top-1 lost there.
    """

    model: str
    search: str
    seed: int
    saved: float
    held_out: float
    sqnr: float
    drop: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=5, choices=range(1, 6))
    parser.add_argument("--only", action="append", choices=_MODELS, help="this model; repeatable")
    parser.add_argument("--cells", type=Path, help="JSON of cells that are there, and to keep new ones in")
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    cells = _read(arguments.cells)
    known = {(cell.model, cell.search, cell.seed) for cell in cells}
    for seed in range(arguments.seeds):
        for model in arguments.only or _MODELS:
            for name in SEARCHES:
                if (model, name, seed) not in known:
                    cells.append(measure(arguments.shared, model, name, seed))
                    print(cells[-1], flush=True)
                    if arguments.cells:
                        arguments.cells.write_text(json.dumps([asdict(cell) for cell in cells], indent=1) + "\n")
    text = "\n".join(_table(cells))
    print(text)
    if arguments.markdown:
        replace_between(arguments.markdown, _MARKS, text)


def _read(path: Path | None) -> list[Cell]:
    if path is None or not path.exists():
        return []
    return [Cell(**cell) for cell in json.loads(path.read_text(encoding="utf-8"))]


def measure(shared: Path, model: str, name: str, seed: int) -> Cell:
    """Search, and try what was found on samples that the search never saw."""
    task = next(task for task in TASKS if task.name == model)
    widths, least = SEARCHES[name]
    split = next(islice(splits(task, shared, seed + 1), seed, None))
    path = shared / "models" / task.model
    setting = Setting(ModelFile.read(path), Calibration(split.fit, _FITTED), widths=widths, seed=seed)
    found = search(setting, Limits(min_sqnr=least), jobs=os.cpu_count() or 1)
    net = Net(path)
    result = score(edgeq_logits(net, split, found.scheme), net.logits(split.test), split.labels)
    saved = 100 * (1 - found.chosen.weight_bytes / found.plain.weight_bytes)
    return Cell(model, name, seed, saved, found.chosen.sqnr, result.sqnr, result.drop)


def _table(cells: list[Cell]) -> Iterator[str]:
    yield "| saved % / held-out dB / test dB / points lost | " + " | ".join(_MODELS) + " |"
    yield f"|---|{'--:|' * len(_MODELS)}"
    for name in SEARCHES:
        yield (
            f"| {name} | "
            + " | ".join(_text([c for c in cells if (c.model, c.search) == (m, name)]) for m in _MODELS)
            + " |"
        )
    seeds = len({cell.seed for cell in cells})
    yield f"\nMeans over {seeds} seed{'s' * (seeds != 1)}; the SQNR held out is never below the limit."


def _text(cells: list[Cell]) -> str:
    if not cells:
        return "-"
    saved, held_out, sqnr, drop = (
        statistics.fmean(getattr(c, n) for c in cells) for n in ("saved", "held_out", "sqnr", "drop")
    )
    return f"{saved:.0f} / {held_out:.1f} / {sqnr:.1f} / {drop:.2f}"


if __name__ == "__main__":
    main()
