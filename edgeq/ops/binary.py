"""Two operands that are broadcast against each other: the output's shape, and the shortest nest of loops over both."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.ir import Shape, TensorType
from edgeq.ops.op import I32, Params, S32Data

MAX_LOOPS = 7
"""Loops around a run that the C kernels can count (`EDGEQ_MAX_LOOPS` of `runs.h`): enough for any shapes of rank 8."""


@dataclass(frozen=True)
class BinaryAttrs:
    """Nothing: the types of the operands say all."""


@dataclass(frozen=True)
class BinaryParams(Params):
    """How two operands go along with the output, which is written front to back in runs of `run` elements.

    Within a run an operand advances by its step: 1, or 0 where it is broadcast. `loops` has three numbers for each of
    the `depth` loops around the run, outermost first: the iterations, and the elements by which the first and the
    second operand advance. It is None where there is no loop.
    """

    struct: ClassVar[str] = "binary"

    depth: I32
    run: I32
    input1_step: I32
    input2_step: I32
    loops: S32Data | None


def infer_binary(_: object, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    """The shape of an op with two operands; Refusal where there are not two, or their shapes do not fit."""
    types = [t for t in inputs if t is not None]
    if len(types) != 2 or len(inputs) != 2:
        raise Refusal(f"{len(types)} operands; accepted: 2")
    return (common_shape(types[0].shape, types[1].shape),)


def common_shape(a: Shape, b: Shape) -> Shape:
    """The shape that both are broadcast to: trailing dimensions are aligned, those of size 1 repeat.

    Raises:
        Refusal: where two dimensions differ and neither is 1.
    """
    pairs = _aligned(a, b)
    if any(m != n and 1 not in (m, n) for m, n in pairs):
        raise Refusal(
            f"shapes {list(a)} and {list(b)}; accepted: trailing dimensions that are equal, or 1 in one shape"
        )
    return tuple(n if m == 1 else m for m, n in reversed(pairs))


def _aligned(a: Shape, b: Shape) -> list[tuple[int, int]]:
    """Pairs of dimensions, last one first."""
    return list(zip_longest(reversed(a), reversed(b), fillvalue=1))


_Loop = tuple[int, int, int]
"""Iterations, elements by which the first and the second operand advance."""


def loop_nest(a: Shape, b: Shape) -> list[_Loop]:
    """As few loops as possible over two operands that are broadcast against each other, innermost first.

    A dimension joins the loop inside it where both operands go on evenly; a dimension of size 1 needs none.
    """
    nest: list[_Loop] = []
    span_a = span_b = 1
    for m, n in _aligned(a, b):
        loop = (max(m, n), span_a if m > 1 else 0, span_b if n > 1 else 0)
        if nest and loop[1:] == (nest[-1][0] * nest[-1][1], nest[-1][0] * nest[-1][2]):
            nest[-1] = (loop[0] * nest[-1][0], *nest[-1][1:])
        elif loop[0] > 1:
            nest.append(loop)
        span_a *= m
        span_b *= n
    return nest


def binary_fields(a: Shape, b: Shape) -> dict[str, Any]:
    """The fields of `BinaryParams` for two operands; Refusal where C does not count so many loops."""
    nest = loop_nest(a, b)
    run = nest[0] if nest else (1, 1, 1)
    loops = nest[:0:-1]
    if len(loops) > MAX_LOOPS:
        raise Refusal(f"shapes {list(a)} and {list(b)} need {len(nest)} loops; accepted: up to {MAX_LOOPS + 1}")
    return {
        "depth": len(loops),
        "run": run[0],
        "input1_step": run[1],
        "input2_step": run[2],
        "loops": np.array(loops, np.int32).reshape(-1) if loops else None,
    }
