"""Memory of the generated code on a Cortex-M4, beside TensorFlow Lite Micro with CMSIS-NN on the same models.

    python benchmarks/footprint.py SHARED [OUT.json]

SHARED is the folder with `models/` and `peers/tflm_cmsis_nn.json`. Both sides count the arena, and the code and
read-only data without the model's weights, built by arm-none-eabi-gcc with -Os. edgeq's kernels are the portable ones.
"""

import json
import re
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

import edgeq
from edgeq import build

_FLAGS = ("-std=c99", "-mcpu=cortex-m4", "-mthumb", "-Os", "-ffunction-sections", "-fdata-sections")


@dataclass(frozen=True)
class Footprint:
    """Bytes, but for the MACs."""

    model: str
    macs_in_file: int
    macs: int
    constants: int
    arena: int
    lower_bound: int
    tflm_arena: int
    code: int
    tflm_code: int


def measure(path: Path, peer: dict[str, dict[str, int]]) -> Footprint:
    """Compile one model and count."""
    model = edgeq.compile(path, name="net")
    as_in_file = edgeq.compile(path, name="net", dead_channels=False)
    return Footprint(
        model=path.stem,
        macs_in_file=as_in_file.program.macs,
        macs=model.program.macs,
        constants=model.program.weight_bytes,
        arena=model.program.plan.size,
        lower_bound=model.program.plan.lower_bound,
        tflm_arena=min(run["arena_used"] for run in peer.values()),
        code=_code_size(model),
        tflm_code=peer["m4-Os"]["code_and_rodata"],
    )


def _code_size(model: edgeq.CompiledModel) -> int:
    """Text and read-only data of everything but the weights and the self-test."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        model.write(root / "net")
        sources = [p for p in sorted(root.rglob("*.c")) if p.name not in ("net_weights.c", "net_test.c")]
        include = [f"-I{root / 'net'}", f"-I{root / 'net' / 'kernels'}"]
        objects = []
        for source in sources:
            objects.append(str(root / f"{source.stem}.o"))
            build.run(["arm-none-eabi-gcc", *_FLAGS, *include, "-c", str(source), "-o", objects[-1]])
        printed = build.run(["arm-none-eabi-size", "--totals", *objects])
    totals = re.search(r"^\s*(\d+)\s+(\d+)\s+\d+\s+\d+\s+\w+\s+\(TOTALS\)", printed, re.MULTILINE)
    assert totals is not None
    return int(totals[1]) + int(totals[2])


def show(rows: list[Footprint]) -> None:
    """One line per model, ratios in percent of TFLM."""
    table = Table("model", "MACs", "constants", "arena", "bound", "TFLM", "%", "code", "TFLM", "%")
    for row in rows:
        table.add_row(
            row.model,
            f"{row.macs:,}" + (f" of {row.macs_in_file:,}" if row.macs != row.macs_in_file else ""),
            f"{row.constants:,}",
            f"{row.arena:,}",
            f"{row.lower_bound:,}",
            f"{row.tflm_arena:,}",
            f"{100 * row.arena / row.tflm_arena:.0f}",
            f"{row.code:,}",
            f"{row.tflm_code:,}",
            f"{100 * row.code / row.tflm_code:.0f}",
        )
    Console(width=140).print(table)


def main(shared: str, out: str | None = None) -> None:
    """Measure every model that the peers were measured on."""
    peers = json.loads((Path(shared) / "peers" / "tflm_cmsis_nn.json").read_text())["models"]
    rows = [measure(Path(shared) / "models" / name, peer) for name, peer in peers.items()]
    show(rows)
    if out:
        Path(out).write_text(json.dumps({"schema_version": 1, "rows": [asdict(r) for r in rows]}, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
