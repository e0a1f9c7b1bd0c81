"""What edgeq supports, read from the tables that the compiler itself uses."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeq.importers.tflite import CONVERTERS
from edgeq.kernels import KERNELS


@dataclass(frozen=True)
class Support:
    """One TFLite operator.

    Attributes:
        operator: its name in the schema.
        ops: what it becomes in the IR.
        kernels: the C functions that may compute those; none where the compiler computes it.
        note: what is restricted.
    """

    operator: str
    ops: tuple[str, ...]
    kernels: tuple[str, ...]
    note: str


def supported() -> tuple[Support, ...]:
    """Every supported operator, by name."""
    return tuple(
        Support(name, converter.ops, _kernels(converter.ops), converter.note)
        for name, converter in sorted(CONVERTERS.items())
    )


def folded() -> tuple[str, ...]:
    """Operators that need no kernel, as the compiler computes them: those on shapes and constants."""
    return tuple(s.operator for s in supported() if not s.kernels)


def supported_markdown() -> str:
    """The same for the README: a table, and a sentence about what is folded."""
    rows = [(s.operator, ", ".join(f"`{k}`" for k in s.kernels), s.note) for s in supported() if s.kernels]
    lines = [
        "| TFLite operator | C kernels | restrictions |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"Computed by the compiler, on shapes and constants: {', '.join(folded())}.",
    ]
    return "\n".join(lines) + "\n"


def _kernels(ops: Sequence[str]) -> tuple[str, ...]:
    return tuple(k.name for k in KERNELS if not set(ops).isdisjoint(k.ops))
