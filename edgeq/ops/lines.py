"""Functions of int16 that consist of straight lines: exact, where a table could only interpolate.

    relu, clip, abs, leaky_relu ...        a few lines with slopes
    sign, floor, round ...                 steps: lines with a slope of 0

Integer meaning: the distance of an input from its zero point is scaled by the slope of the line it lies on, the line's
offset is added, the sum is clamped.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import multiply_by_quantized_multiplier, quantize_multiplier, round_half_away
from edgeq.ir import TensorType
from edgeq.ops.op import I32, Array, Params, S16Data, S32Data

_MOST_LINES = 1024
"""Of one function over the range of its input: 10 bytes of flash each at least."""

_LARGEST_SLOPE = 2.0**14
"""In output steps per input step: 65535 steps of the input then still fit int32, and 2 saturate the output anyway."""

_LARGEST_OFFSET = 1 << 20
"""Far beyond the clamp, and small enough to be added to a scaled input."""


@dataclass(frozen=True)
class Line:
    """`slope * x + intercept` from `start` on, to the start of the next line.

    Attributes:
        start: a real, or -infinity.
        slope: it may be negative.
        intercept: the value at 0.
        behind: whether the line begins right behind its start.
    """

    start: float
    slope: float
    intercept: float = 0.0
    behind: bool = False


@dataclass(frozen=True)
class Lines:
    """A function of reals: lines in order, the first from -infinity, and bounds of the results."""

    lines: Sequence[Line]
    low: float = -math.inf
    high: float = math.inf


LinesOf = Callable[[Any, float, float], Lines]
"""Attributes, lowest and highest input to the lines between them; of steps there are more the larger the range."""


@dataclass(frozen=True)
class LinesParams(Params):
    """Line k begins at input `starts[k]`; the first one at the lowest input."""

    struct: ClassVar[str] = "lines"

    count: I32
    pieces: I32
    input_offset: I32
    out_min: I32
    out_max: I32
    starts: S16Data
    multipliers: S32Data
    shifts: S32Data
    offsets: S32Data


def lower_lines(function: Lines, x: TensorType, output: TensorType) -> LinesParams:
    """The integers of a function, for int16 types with one scale each.

    Raises:
        Refusal: where it takes too many lines, or one is too steep.
    """
    lowest, highest = x.dtype.range
    pieces = [(max(_first(line, x), lowest), line) for line in function.lines]
    # A line is not needed where the next one begins at the same integer, or below the range.
    ends = [start for start, _ in pieces[1:]] + [highest + 1]
    pieces = [piece for piece, end in zip(pieces, ends, strict=True) if piece[0] < min(end, highest + 1)]
    if len(pieces) > _MOST_LINES:
        raise Refusal(f"the function takes {len(pieces)} values over the range of {x}; accepted: up to {_MOST_LINES}")
    steepest = max(abs(line.slope) for _, line in pieces) * x.scale / output.scale
    if not steepest <= _LARGEST_SLOPE:
        raise Refusal(f"an input step is {steepest:g} output steps; accepted: up to {_LARGEST_SLOPE:g}")
    scaling = [_multiplier(line.slope * x.scale / output.scale) for _, line in pieces]
    low, high = output.dtype.range
    return LinesParams(
        count=x.size,
        pieces=len(pieces),
        input_offset=-x.zero_point,
        out_min=min(max(low, output.zero_point + _steps(function.low, output)), high),
        out_max=max(min(high, output.zero_point + _steps(function.high, output)), low),
        starts=np.array([start for start, _ in pieces], np.int16),
        multipliers=np.array([multiplier for multiplier, _ in scaling], np.int32),
        shifts=np.array([shift for _, shift in scaling], np.int32),
        offsets=np.array([output.zero_point + _steps(line.intercept, output) for _, line in pieces], np.int32),
    )


def _first(line: Line, x: TensorType) -> int:
    """The first integer on a line; beyond the range where all are before it."""
    beyond = float(x.dtype.range[1] + 1)
    steps = min(max(line.start / x.scale + x.zero_point, -beyond), beyond)
    return math.floor(steps) + 1 if line.behind and steps > -beyond else math.ceil(steps)


def _multiplier(slope: float) -> tuple[int, int]:
    """Mantissa and shift; the mantissa has the sign."""
    mantissa, shift = quantize_multiplier(abs(slope))
    return (-mantissa if slope < 0 else mantissa), shift


def _steps(real: float, output: TensorType) -> int:
    """A real in steps of the output. Source: TFLite `CalculateActivationRangeQuantized`: the quotient is a float32."""
    with np.errstate(over="ignore"):
        quotient = float(np.float32(real) / np.float32(output.scale))
    if math.isnan(quotient):
        raise Refusal(f"a line at {real}; accepted: a number")
    return round_half_away(min(max(quotient, -_LARGEST_OFFSET), _LARGEST_OFFSET))


def eval_lines(params: LinesParams, x: Array) -> Array:
    """The function of integers."""
    piece = np.searchsorted(params.starts, x.reshape(-1), side="right") - 1
    distances = x.reshape(-1).astype(np.int64) + params.input_offset
    scaled = multiply_by_quantized_multiplier(distances, params.multipliers[piece], params.shifts[piece])
    return np.asarray(np.clip(scaled + params.offsets[piece], params.out_min, params.out_max))
