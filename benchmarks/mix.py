"""Where the cycles of networks go: multiplications, loads and stores, other arithmetic, jumps.

    python benchmarks/mix.py SHARED [--only NAME] [--core NAME] [--markdown FILE]

SHARED is the folder with `models/`. What neither multiplies nor loads is what better kernels could still save; the
column "least" is that bound: the share of the cycles that multiplications, loads and stores take as they are.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from cortex_m import MODELS, replace_between
from rich.progress import track

import edgeq
from edgeq import golden
from edgeq.emulation import Run, emulate
from edgeq.emulation.instruction import Kind
from edgeq.targets import read_target

CORES = ("cortex-m4", "cortex-m0plus")

_MARKS = "<!-- mix -->", "<!-- end -->"
_MEMORY = {Kind.LOAD, Kind.STORE, Kind.STORE_REGISTER, Kind.MULTIPLE}
_JUMPS = {Kind.BRANCH, Kind.BRANCH_CONDITIONAL, Kind.CALL, Kind.BRANCH_REGISTER, Kind.LOOP_END, Kind.LOAD_PC}
_MULTIPLIES = ("mul", "mla", "mls", "smml", "sml", "smu", "umul")
_GROUPS = ("multiply", "memory", "arithmetic", "jumps")


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--only", action="append", choices=MODELS, help="only this model")
    parser.add_argument("--core", action="append", help="only this core")
    parser.add_argument("--markdown", type=Path, help="write the table into a document")
    arguments = parser.parse_args()
    wanted = [(c, m) for c in arguments.core or CORES for m in arguments.only or MODELS]
    found = {w: mix(arguments.shared, *w) for w in track(wanted, "emulating", disable=not sys.stderr.isatty())}
    text = _table(found)
    print(text)
    if arguments.markdown:
        replace_between(arguments.markdown, _MARKS, text)
    return 0


def mix(shared: Path, core: str, model: str) -> Mapping[str, int]:
    """Cycles by group, and multiply-accumulates, of a model built for speed."""
    compiled = edgeq.compile(shared / "models" / f"{MODELS[model]}.tflite", name="net", target=core, optimize="speed")
    inputs = golden.vectors(compiled.program.graph)[0].inputs
    run = emulate(compiled.program, compiled.files, read_target(core), inputs)
    return {**_cycles_by_group(run), "macs": compiled.program.macs}


def _cycles_by_group(run: Run) -> Counter[str]:
    cycles: Counter[str] = Counter()
    for (_, address), count in run.costs.places.items():
        code = run.costs.code[address]
        cycles[_group(code.kind, code.text)] += count.cycles
    return cycles


def _group(kind: Kind, text: str) -> str:
    if text.split(maxsplit=1)[0].startswith(_MULTIPLIES):
        return "multiply"
    if kind in _MEMORY:
        return "memory"
    return "jumps" if kind in _JUMPS else "arithmetic"


def _table(found: Mapping[tuple[str, str], Mapping[str, int]]) -> str:
    lines: Sequence[str] = [
        f"| core | model | cycles per MAC | {' | '.join(_GROUPS)} | least |",
        f"|---|---|--:|{'--:|' * len(_GROUPS)}--:|",
    ]
    for (core, model), counts in found.items():
        total = sum(counts[group] for group in _GROUPS)
        shares = [counts[group] / total for group in _GROUPS]
        cells = " | ".join(f"{share:.0%}" for share in shares)
        per_mac = total / counts["macs"]
        least = per_mac * (shares[0] + shares[1])
        lines = [*lines, f"| {core} | {model} | {per_mac:.2f} | {cells} | {least:.2f} |"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
