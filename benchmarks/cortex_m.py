"""Networks on emulated cores: cycles, instructions, RAM and code, beside TensorFlow Lite Micro with CMSIS-NN.

    python benchmarks/cortex_m.py SHARED [--only NAME] [--json FILE] [--markdown FILE] [--check FILE]

SHARED is the folder with `models/` and `peers/tflm_cmsis_nn.json`. Every run is deterministic, its outputs equal those
of the evaluation, and every figure is of one inference, with memories that never wait. `--markdown` writes the tables
between the marks of a document; `--check` compares with a file that `--json` wrote, and fails where a figure grew by
more than 2 %.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.progress import track

import edgeq
from edgeq.errors import EdgeqError
from edgeq.goals import Goal
from edgeq.profile import profile
from edgeq.targets import read_target

MODELS = {
    "kws": "mlperf_kws_int8",
    "vww96": "mlperf_vww96_int8",
    "resnet8": "mlperf_resnet8_int8",
    "ad01": "mlperf_ad01_int8",
    "person_detect": "tflm_person_detect_int8",
    "micro_speech": "tflm_micro_speech_int8",
}
"""Short name to file."""

BUILDS = (
    ("cortex-m4", "speed"),
    ("cortex-m4", "balanced"),
    ("cortex-m4", "size"),
    ("cortex-m4", "ram"),
    ("cortex-m0plus", "speed"),
    ("cortex-m7", "speed"),
    ("cortex-m33", "speed"),
    ("cortex-m55", "speed"),
    ("rv32imc", "speed"),
)
"""Core, and what is optimised for."""

_ALLOWED = 1.02
_MARKS = "<!-- cortex-m -->", "<!-- end -->"


@dataclass(frozen=True)
class Row:
    """One build of one model.

    Attributes:
        model: short name.
        core: of `targets/cores`.
        goal: of `--optimize`.
        macs: multiply-accumulates.
        instructions: executed.
        cycles: by the core's table.
        arena: bytes.
        ram: bytes of arena, variables and stack.
        code: bytes of instructions and of constants that are no weights, biases or multipliers.
        flash: bytes of all.
    """

    model: str
    core: str
    goal: str
    macs: int
    instructions: int
    cycles: int
    arena: int
    ram: int
    code: int
    flash: int


@dataclass(frozen=True)
class Bar:
    """What a figure of a build is measured against.

    Attributes:
        title: of the table's row.
        core: of the build.
        goal: of the build.
        figure: field of `Row`.
        peer: run and figure in the peer's file.
        bars: by model.
    """

    title: str
    core: str
    goal: str
    figure: str
    peer: tuple[str, str]
    bars: Mapping[str, float]


_FIGURES = (
    # core, goal, figure, the peer's run and figure
    ("M4 cycles", "cortex-m4", "speed", "cycles", "m4-O2", "model_cycles"),
    ("M55 instructions", "cortex-m55", "speed", "instructions", "m55-O3", "instructions"),
    ("M0+ cycles", "cortex-m0plus", "speed", "cycles", "m0p-O3", "model_cycles"),
    ("M4 RAM", "cortex-m4", "ram", "ram", "m4-O2", "ram_total"),
    ("M4 code", "cortex-m4", "speed", "code", "m4-O2", "code_and_rodata"),
    ("M4 code", "cortex-m4", "size", "code", "m4-Os", "code_and_rodata"),
)

_VALUES = (
    (4.2e6, 8.5e6, 9.5e6, 0.36e6, 13e6, 0.75e6),
    (0.9e6, 2e6, 2.1e6, 0.055e6, 2.9e6, 0.25e6),
    (19e6, 38e6, 72e6, 1.5e6, 55e6, 1.8e6),
    (10.5e3, 40e3, 37e3, 2e3, 40e3, 5.8e3),
    (16e3, 20e3, 16e3, 5e3, 20e3, 10e3),
    (8e3, 9e3, 8e3, 3e3, 9e3, 5e3),
)

TABLE = tuple(
    Bar(f"{title}, {goal}", core, goal, figure, (run, theirs), dict(zip(MODELS, values, strict=True)))
    for (title, core, goal, figure, run, theirs), values in zip(_FIGURES, _VALUES, strict=True)
)


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--only", action="append", choices=MODELS, help="only this model")
    parser.add_argument("--core", action="append", help="only this core")
    parser.add_argument("--json", type=Path, help="keep the figures")
    parser.add_argument("--markdown", type=Path, help="write the tables into a document")
    parser.add_argument("--check", type=Path, help="fail where figures are worse than those kept")
    arguments = parser.parse_args()
    builds = [b for b in BUILDS if not arguments.core or b[0] in arguments.core]
    models = arguments.only or [*MODELS]
    wanted = [(m, c, g) for m in models for c, g in builds]
    rows = [measure(arguments.shared, *build) for build in track(wanted, "emulating", disable=not sys.stderr.isatty())]
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    peers = json.loads((arguments.shared / "peers/tflm_cmsis_nn.json").read_text(encoding="utf-8"))["models"]
    text = "\n\n".join((_beside_bars(rows, peers), _everything(rows)))
    print(text)
    if arguments.markdown:
        replace_between(arguments.markdown, _MARKS, text)
    worse = [*compare(rows, read_rows(arguments.check))] if arguments.check else []
    print(*worse, sep="\n", end="\n" if worse else "")
    return 1 if worse else 0


def measure(shared: Path, model: str, core: str, goal: str) -> Row:
    """Compile one model for one core, and run it."""
    path = shared / "models" / f"{MODELS[model]}.tflite"
    compiled = edgeq.compile(path, name="net", target=core, optimize=goal)
    try:
        p = profile(compiled, read_target(core), goal=Goal(goal))
    except EdgeqError as error:
        raise SystemExit(f"{model} on {core} for {goal}: {error}") from error
    code = p.sizes.code + p.sizes.constants
    return Row(model, core, goal, p.macs, p.instructions, p.cycles, p.sizes.arena, p.ram_bytes, code, p.flash_bytes)


def read_rows(path: Path) -> list[Row]:
    """What `--json` wrote."""
    return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def compare(rows: Iterable[Row], before: Iterable[Row]) -> Iterator[str]:
    """A sentence for each figure that grew by more than 2 %."""
    old = {(row.model, row.core, row.goal): row for row in before}
    for row in rows:
        reference = old.get((row.model, row.core, row.goal))
        for figure in ("instructions", "cycles", "ram", "code"):
            now, then = getattr(row, figure), getattr(reference, figure, None)
            if then is not None and now > then * _ALLOWED:
                yield f"{row.model} on {row.core} for {row.goal}: {now:,} {figure}, was {then:,}"


def _beside_bars(rows: Sequence[Row], peers: Mapping[str, Mapping[str, Mapping[str, int]]]) -> str:
    """Each figure as `edgeq / bar / peer`, model by model."""
    lines = [f"| edgeq / bar / TFLM + CMSIS-NN | {' | '.join(MODELS)} |", f"|---|{'--:|' * len(MODELS)}"]
    for bar in TABLE:
        cells = []
        for model, file in MODELS.items():
            row = next((r for r in rows if (r.model, r.core, r.goal) == (model, bar.core, bar.goal)), None)
            run, figure = bar.peer
            theirs = peers[f"{file}.tflite"][run][figure]
            cells.append(
                "-" if row is None else " / ".join(map(_short, (getattr(row, bar.figure), bar.bars[model], theirs)))
            )
        lines.append(f"| {bar.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _short(value: float) -> str:
    """Three digits, in millions or thousands."""
    scaled, unit = (value / 1e6, " M") if value >= 1e5 else (value / 1e3, " k")
    return f"{scaled:.3g}{unit}"


def _everything(rows: Sequence[Row]) -> str:
    lines = [
        "| model | core | for | MACs | instructions | cycles | per MAC | arena | RAM | code | flash |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for r in rows:
        figures = f"{r.macs:,} | {r.instructions:,} | {r.cycles:,} | {r.cycles / r.macs:.2f}"
        lines.append(
            f"| {r.model} | {r.core} | {r.goal} | {figures} | {r.arena:,} | {r.ram:,} | {r.code:,} | {r.flash:,} |"
        )
    return "\n".join(lines)


def replace_between(path: Path, marks: tuple[str, str], text: str) -> None:
    """Put a text between two marks of a document."""
    begin, end = marks
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    path.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
