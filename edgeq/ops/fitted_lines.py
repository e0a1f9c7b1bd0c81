"""Straight lines for functions of int16 that bend too much for a table: logarithms, roots, reciprocals ...

Every line is as long as it can be without missing a result by more than a tolerance, so that there are many where the
function bends and few elsewhere. Source: the "cone" of slopes of online piecewise linear approximation, as in O'Rourke
1981, "An on-line algorithm for fitting straight lines between data ranges", here from the first point of each line.
"""

from functools import lru_cache

import numpy as np

from edgeq.fixedpoint import quantize_multiplier
from edgeq.ir import DType, TensorType
from edgeq.ops.lines import LinesParams
from edgeq.ops.op import Array

_MOST_LINES = 256
"""Of 14 bytes each."""

_STEEPEST = 2.0**12
"""Output steps per input step; what is steeper is a jump, at which a line ends."""

_FIRST_LOOK = 256


def fit_lines(results: Array, x: TensorType, output: TensorType) -> LinesParams:
    """Lines through the results for all integers, with the least tolerance of 1, 2, 4 ... steps that few lines need.

    Args:
        results: int16, for -32768 .. 32767.
        x: the input.
        output: the output.
    """
    starts, slopes = _fit(results.astype(np.int16).tobytes())
    places = starts + DType.S16.range[0] - x.zero_point
    scaling = [quantize_multiplier(abs(slope)) for slope in slopes]
    low, high = output.dtype.range
    return LinesParams(
        count=x.size,
        pieces=len(starts),
        input_offset=-x.zero_point,
        out_min=low,
        out_max=high,
        starts=(starts + DType.S16.range[0]).astype(np.int16),
        multipliers=np.array([m for m, _ in scaling], np.int64).astype(np.int32) * np.sign(slopes).astype(np.int32),
        shifts=np.array([s for _, s in scaling], np.int32),
        offsets=np.rint(results[starts] - slopes * places).astype(np.int32),
    )


@lru_cache(maxsize=8)
def _fit(results: bytes) -> tuple[Array, Array]:
    """Index of each line's first result, and slopes in output steps per input step."""
    wanted = np.frombuffer(results, np.int16).astype(np.float64)
    tolerance = 1.0
    while True:
        found = _within(wanted, tolerance)
        if found is not None:
            return np.array([start for start, _ in found]), np.array([slope for _, slope in found])
        tolerance *= 2


def _within(wanted: Array, tolerance: float) -> list[tuple[int, float]] | None:
    """Lines that miss nothing by more; None where there are too many."""
    lines: list[tuple[int, float]] = []
    start = 0
    while start < len(wanted):
        if len(lines) == _MOST_LINES:
            return None
        length, slope = _longest(wanted[start:], tolerance)
        lines.append((start, slope))
        start += length
    return lines


def _longest(wanted: Array, tolerance: float) -> tuple[int, float]:
    """How many results a line from the first one on can follow, and its slope."""
    look = _FIRST_LOOK
    while True:
        distances = np.arange(1, min(look, len(wanted)))
        rise = wanted[1 : 1 + len(distances)] - wanted[0]
        least = np.maximum.accumulate(np.maximum((rise - tolerance) / distances, -_STEEPEST))
        most = np.minimum.accumulate(np.minimum((rise + tolerance) / distances, _STEEPEST))
        missed = np.flatnonzero(least > most)
        if len(missed) or look >= len(wanted):
            break
        look *= 4
    last = int(missed[0]) if len(missed) else len(distances)
    return last + 1, float(least[last - 1] + most[last - 1]) / 2 if last else 0.0
