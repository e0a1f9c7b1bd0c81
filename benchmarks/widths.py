"""What narrow weights cost in time and save in flash: builds of one float model on one core, beside int8 weights.

    python benchmarks/widths.py SHARED [--only NAME] [--core CORE] [--markdown docs/benchmarks.md]

SHARED is the folder with `models/` and `datasets/`. Cycles are those of the emulated core; on cores with Helium
instructions count, as their cycles are estimates. Weights of the first and the last layer are int8. Weights are rounded
to nearest, as integers do not change the time; where a kernel refuses what they are, that shows.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from accuracy import TASKS, splits
from cortex_m import replace_between
from rich.progress import track

import edgeq
from edgeq.frontend import Calibration
from edgeq.goals import Goal
from edgeq.profile import profile
from edgeq.quantize.layers import layer_of
from edgeq.quantize.scheme import Scheme
from edgeq.targets import read_target

WIDTHS = ("int8", "int4", "int2", "binary")
CORES = ("cortex-m4", "cortex-m55", "cortex-m0plus")
_MODELS = ("kws", "alibaba_kws", "resnet8", "mnist_resnet", "vww96")
_MARKS = "<!-- widths -->", "<!-- end -->"


@dataclass(frozen=True)
class Build:
    """One model, with weights of one width, on one core.

    Attributes:
        model: short name.
        core: of `targets/cores`.
        weights: of the layers but for the first and the last.
        time: cycles, or instructions where cycles are an estimate.
        narrow_bytes: weights of the layers that are narrow in all but the first build, as they are packed.
        packed_bytes: the same with what their kernels store beside: stages, biases, padding.
        flash: of the image.
    """

    model: str
    core: str
    weights: str
    time: int
    narrow_bytes: int
    packed_bytes: int
    flash: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--only", action="append", choices=_MODELS, help="only this model")
    parser.add_argument("--core", action="append", choices=CORES, help="only this core")
    parser.add_argument("--markdown", type=Path, help="write the table into a document")
    arguments = parser.parse_args()
    wanted = [(m, c) for m in arguments.only or _MODELS for c in arguments.core or CORES]
    shown = track(wanted, "emulating", disable=not sys.stderr.isatty())
    lines = ["| | core | int8 | int4 | int2 | binary | weights | with stages | image |", f"|---|---|{'--:|' * 7}"]
    lines += [_line([*measure(arguments.shared, model, core)]) for model, core in shown]
    text = "\n".join(lines)
    print(text)
    if arguments.markdown:
        replace_between(arguments.markdown, _MARKS, text)


def measure(shared: Path, model: str, core: str) -> Iterator[Build]:
    """A build for each width."""
    task = next(task for task in TASKS if task.name == model)
    calibration = Calibration(next(splits(task, shared, 1)).fit[:30])
    for weights in WIDTHS:
        scheme = Scheme(weights=weights, weight_rounding="nearest", method="minmax")
        path = shared / "models" / task.model
        compiled = edgeq.compile(path, calibrate=calibration, scheme=scheme, target=core, optimize="speed", name="net")
        yield _build(compiled, model, core, weights)


def _build(compiled: edgeq.CompiledModel, model: str, core: str, weights: str) -> Build:
    p = profile(compiled, read_target(core), goal=Goal.SPEED)
    graph = compiled.program.graph
    layers = [layer for layer in compiled.program.layers if layer_of(graph, layer.node) is not None]
    inner = [layer for layer in layers[1:-1] if layer.node.op != "transpose_conv2d"]
    return Build(
        model,
        core,
        weights,
        p.instructions if p.approximate and core == "cortex-m55" else p.cycles,
        sum(graph.types[layer.node.inputs[1]].bytes for layer in inner),
        sum(layer.choice.taken.constants for layer in inner),
        p.flash_bytes,
    )


def _line(builds: Sequence[Build]) -> str:
    """Ratios to int8; of bytes those of int4."""
    first, second = builds[:2]
    unit = "instructions" if first.core == "cortex-m55" else "cycles"
    times = [f"{b.time / first.time:.2f}" for b in builds[1:]]
    sizes = [getattr(second, n) / getattr(first, n) for n in ("narrow_bytes", "packed_bytes", "flash")]
    cells = [first.model, first.core, f"{first.time:,} {unit}", *times, *(f"{s:.2f}" for s in sizes)]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
