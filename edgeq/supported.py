"""What edgeq supports, read from the tables that the compiler itself uses."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeq.importers import onnx, tflite
from edgeq.kernels import KERNELS

_BORDERS = frozenset({"dequantize", "quantize"})
"""Beside other ops they only say what integers stand for, and no kernel computes them."""

TITLES: Mapping[str, str] = {"tflite": "TFLite", "onnx": "ONNX"}
"""Of the formats, for people."""


@dataclass(frozen=True)
class Support:
    """One operator of a model format.

    Attributes:
        format: key of `TITLES`.
        operator: its name in the format, behind that of its domain where that is not the format's own.
        ops: what it becomes in the IR.
        kernels: the C functions that may compute those; none where the compiler computes it.
        note: what is restricted.
        floats_only: taken in models of floats, which edgeq quantizes, not in those that are quantized.
    """

    format: str
    operator: str
    ops: tuple[str, ...]
    kernels: tuple[str, ...]
    note: str
    floats_only: bool = False

    @property
    def restrictions(self) -> str:
        """All of them, for a table."""
        return "; ".join(filter(None, ["models of floats" if self.floats_only else "", self.note]))


def supported(*formats: str) -> tuple[Support, ...]:
    """Every supported operator of some formats, by name; of all where none is named."""
    return tuple(s for name in formats or TITLES for s in (_tflite() if name == "tflite" else _onnx()))


def _tflite() -> tuple[Support, ...]:
    return tuple(
        Support("tflite", name, c.ops, _kernels(c.ops), c.note, c.floats_only)
        for name, c in sorted(tflite.CONVERTERS.items())
    )


def _onnx() -> tuple[Support, ...]:
    found = sorted(onnx.CONVERTERS.items(), key=_domain)
    return tuple(Support("onnx", name, c.ops, _kernels(c.ops), c.note) for name, c in found)


def _domain(item: tuple[str, object]) -> tuple[bool, str]:
    """ONNX's own operators come first."""
    return "." in item[0], item[0]


def _kernels(ops: Sequence[str]) -> tuple[str, ...]:
    computed = set(ops) - _BORDERS or set(ops)
    return tuple(k.name for k in KERNELS if not computed.isdisjoint(k.ops))


def folded(*formats: str) -> tuple[str, ...]:
    """Operators that need no kernel, as the compiler computes them: those on shapes and constants."""
    return tuple(s.operator for s in supported(*formats) if not s.kernels)


def families(kernels: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Kernels by what they compute, `edgeq_add`, each with the element types that there is one for, `_s8`.

    With the instruction set, where it is made for one: `_s8__dsp`.
    """
    found: dict[str, list[str]] = {}
    for name in kernels:
        types = re.search(r"(_[a-z]\d+)+(__[a-z]+)?$", name)
        suffix = types[0] if types else ""
        found.setdefault(name.removesuffix(suffix), []).append(suffix)
    return list(found.items())


def supported_markdown(*formats: str) -> str:
    """A table of operators, and a sentence about what is folded."""
    rows = [(s.operator, _code(s.kernels), s.restrictions) for s in supported(*formats) if s.kernels]
    lines = [
        "| operator | C kernels | restrictions |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"Computed by the compiler, on shapes and constants: {', '.join(folded(*formats))}.",
    ]
    return "\n".join(lines) + "\n"


def _code(kernels: Sequence[str]) -> str:
    """Each family as the whole name of its first kernel and the element types of the others."""
    cells = ((stem + first, *more) for stem, (first, *more) in families(kernels))
    return ", ".join(" ".join(f"`{part}`" for part in cell) for cell in cells)


def names_markdown(*formats: str) -> str:
    """The names alone, a paragraph per format."""
    return "\n".join(
        f"**{TITLES[name]}**: {', '.join(s.operator for s in supported(name))}.\n" for name in formats or TITLES
    )
