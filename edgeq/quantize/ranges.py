"""Ranges: from the distribution of a value to the interval of reals that its integers span, and to its encoding.

A `Method` chooses the interval. Wide intervals round coarsely, narrow ones clip; the methods differ in how they weigh
that, and `expected_error` says what came of it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from edgeq.ir import DType, Quant
from edgeq.ir.graph import Array
from edgeq.quantize.encoding import Encoding
from edgeq.quantize.histogram import RECENT, Cells, Histogram

MIN_SCALE = 2.0**-40
"""The least scale of an activation. What is smaller is rounding noise of float32 arithmetic on reals of usual size;
giving it finer steps would need factors between scales that 32-bit fixed point does not hold."""

ZERO_SCALE = 2.0**-7
"""Of a value that is always zero: any would do, and with this one 8 bits span -1 to 1."""

HEADROOM = 4.0
"""Of ranges for 16 bits: two bits that samples to come may go beyond what was observed. 100 samples of a small output
leave out much of its range, and what is clipped costs more than what the other 14 bits round."""

SMALL = 256
SMALL_HEADROOM = 1.25
"""Of ranges for 8 bits of values with up to `SMALL` elements, as behind the mean of an image. The same holds there, and
one clipped sample may cost more than all that is rounded: 4 dB at the worst of five choices of 100 samples for one net,
0.5 dB on average; the coarser steps cost others less than 0.1 dB."""

MOMENTUM = 0.99
PERCENTILE = 99.99


class Range(NamedTuple):
    """An interval of reals."""

    low: float
    high: float


@dataclass(frozen=True)
class Target:
    """What the integers are to be.

    Attributes:
        dtype: S8 or S16.
        symmetric: whether the zero point is 0.
    """

    dtype: DType = DType.S8
    symmetric: bool = False

    def encode(self, span: Range) -> Encoding:
        """The encoding of this target whose integers span the interval."""
        return encode(span.low, span.high, self.dtype, symmetric=self.symmetric)


Choose = Callable[[Histogram, Target], Range]


@dataclass(frozen=True)
class Method:
    """A way to choose a range; `doc` is its line in help and reports."""

    name: str
    choose: Choose
    doc: str


def encode(low: float, high: float, dtype: DType, *, symmetric: bool) -> Encoding:
    """The encoding whose integers span an interval, widened to contain 0.

    Symmetric: zero point 0, the largest magnitude is the largest integer. Asymmetric: the ends are the extreme
    integers, but for the zero point, which is rounded to an integer and so shifts the interval by half a step at most
    (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", section 3). An end that is 0 is hit exactly: zero point -128 for what a ReLU gives.

    The scale is a float32 of at least `MIN_SCALE`; that of an interval without width is `ZERO_SCALE`.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    first, last = dtype.range
    if low == high:
        return Encoding(dtype, Quant.per_tensor(ZERO_SCALE, 0))
    steps = max(high, -low) / last if symmetric else (high - low) / (last - first)
    scale = float(np.float32(max(steps, MIN_SCALE)))
    zero_point = 0 if symmetric else min(max(round(first - low / scale), first), last)
    return Encoding(dtype, Quant.per_tensor(scale, zero_point))


def expected_error(histogram: Histogram, encoding: Encoding) -> float:
    """Mean squared error of a value's reals after quantization per tensor: rounding and clipping; 0 without data.

    Within each bin the reals are taken as spread evenly, and their squared error is integrated exactly.
    """
    return _error(histogram.cells(), histogram.count, encoding)


def _error(cells: Cells, count: int, encoding: Encoding) -> float:
    scale, zero_point = encoding.quant.scale[0], encoding.quant.zero_point[0]
    first, last = (float(q - zero_point) for q in encoding.dtype.range)
    left, right = cells.left / scale, cells.right / scale
    width = right - left
    narrow = width < 1e-6  # too narrow for a difference of integrals, and as good as a point
    point = left - np.clip(np.round(left), first, last)
    between = (_integral(right, first, last) - _integral(left, first, last)) / np.where(narrow, 1.0, width)
    squares = np.where(narrow, point * point, between)
    return float(np.dot(squares, cells.counts)) * scale * scale / count if count else 0.0


def _integral(t: Array, first: float, last: float) -> Array:
    """Of the squared distance to the nearest integer within first..last, from first to t."""
    inside = np.clip(t, first, last)
    nearest = np.round(inside)
    off, beyond = inside - nearest, t - inside
    return np.asarray((nearest - first) / 12.0 + (off * off * off + beyond * beyond * beyond) / 3.0)


def minmax(histogram: Histogram, target: Target) -> Range:
    """From the least to the greatest real seen."""
    del target
    return Range(histogram.low, histogram.high) if histogram.count else Range(0.0, 0.0)


def moving_average(histogram: Histogram, target: Target, momentum: float = MOMENTUM) -> Range:
    """Averages of the samples' least and of their greatest reals, each weighted by `momentum` against its successor.

    Source: Jacob et al. 2018, section 3.1. The weights add up to 1 from the first sample on, so that it does not
    outweigh the others.
    """
    if not len(histogram.recent):
        return minmax(histogram, target)
    weights = momentum ** np.arange(len(histogram.recent) - 1, -1, -1, dtype=np.float64)
    low, high = weights @ histogram.recent.astype(np.float64) / weights.sum()
    return Range(float(low), float(high))


def percentile(histogram: Histogram, target: Target, percent: float = PERCENTILE) -> Range:
    """All but the outermost reals: `100 - percent` percent of them at each end, or of the magnitudes if symmetric."""
    if not histogram.count:
        return Range(0.0, 0.0)
    share = percent / 100.0
    if target.symmetric:
        magnitude = histogram.magnitude_quantile(share)
        return Range(-magnitude, magnitude)
    return Range(histogram.quantile(1.0 - share), histogram.quantile(share))


def mse(histogram: Histogram, target: Target) -> Range:
    """The range of least `expected_error`, each end searched for itself.

    First one limit for the magnitude at both ends, 64 of them down to a 256th; from the best, each end by
    turns in steps of an eighth, a 32nd and a 128th. Never worse than `minmax`. Sources: Krishnamoorthi 2018,
    "Quantizing deep convolutional networks for efficient inference"; Nagel et al. 2021, "A White Paper on Neural
    Network Quantization", section 3.1.
    """
    widest = encodable(minmax(histogram, target), target)
    cells = histogram.cells()

    def error(span: Range) -> float:
        return _error(cells, histogram.count, target.encode(span))

    top = max(-widest.low, widest.high)
    limits = top * np.geomspace(1.0, 1 / 256, 64)
    best = min((_clipped(widest, float(limit)) for limit in limits), key=error)
    if target.symmetric:
        return min((_clipped(widest, best.high * f) for f in np.linspace(0.92, 1.08, 17)), key=error)
    for step in (1 / 8, 1 / 32, 1 / 128):
        factors = [1.0 + step * k for k in range(-3, 4)]
        best = min((Range(best.low * f, best.high) for f in factors), key=error)
        best = min((Range(best.low, best.high * f) for f in factors), key=error)
    return best


def encodable(span: Range, target: Target) -> Range:
    """The interval widened to contain 0, and to have its middle there if symmetric."""
    low, high = min(span.low, 0.0), max(span.high, 0.0)
    return Range(-max(-low, high), max(-low, high)) if target.symmetric else Range(low, high)


def _clipped(span: Range, limit: float) -> Range:
    return Range(max(span.low, -limit), min(span.high, limit))


def entropy(histogram: Histogram, target: Target) -> Range:
    """The limit of the magnitude at which the clipped distribution loses least information to 8 bits.

    For each limit, the distribution P within it (what lies beyond counted at its ends) is compared with Q, which has as
    many levels as the integers: each level's count spread evenly over those of its bins that are not empty. The
    limit of least Kullback-Leibler divergence of Q from P is chosen. If symmetric, P is that of the magnitudes and
    there are 128 levels; if not, that of the reals, and 256. Zeros count on neither side: they are exact whatever the
    range. 16 bits have more levels than the histogram has bins, and lose nothing: their range is `minmax`.

    Source: Migacz 2017, "8-bit Inference with TensorRT"; ONNX Runtime's `calibrate.py` does it likewise.
    """
    widest = encodable(minmax(histogram, target), target)
    levels = (target.dtype.range[1] + 1) * (1 if target.symmetric else 2)
    if histogram.exponent is None or levels > histogram.bins // 8:
        return widest
    # As many bins as in the source: 1024 to 2048 up to the largest magnitude.
    grouped = histogram.counts.reshape(-1, max(histogram.bins // 4096, 1)).sum(axis=1)
    half = len(grouped) // 2
    width = math.ldexp(1.0, histogram.exponent) / half
    if target.symmetric:
        below, above = grouped[:0], grouped[half:] + grouped[half - 1 :: -1]
    else:
        below, above = grouped[half - 1 :: -1], grouped[half:]
    used = math.ceil(max(-widest.low, widest.high) / width)
    first = min(levels if not (below.any() and above.any()) else levels // 2, used)
    limits = np.unique(np.linspace(first, used, 128).astype(int))[::-1]
    best = min(limits, key=partial(_divergence, below, above, levels))
    return widest if best == used else _clipped(widest, float(best * width))


def _divergence(below: Array, above: Array, levels: int, limit: int) -> float:
    """Of the distribution clipped to `limit` bins at either side of zero, from what `levels` levels keep of it."""
    sides = [_saturated(side, limit) for side in (below, above) if side.any()]
    if len(sides) == 2:
        inside, clipped = (np.concatenate([a[::-1], b]) for a, b in zip(*sides, strict=True))
    else:
        inside, clipped = sides[0]
    starts = np.unique(np.arange(levels) * len(inside) // levels)
    lengths = np.diff(starts, append=len(inside))
    occupied = clipped > 0
    total = np.add.reduceat(inside, starts)
    share = total / np.maximum(np.add.reduceat(occupied.astype(np.int64), starts), 1)
    kept = np.repeat(share, lengths)[occupied]
    reference = clipped[occupied]
    p, q = reference / reference.sum(), np.maximum(kept / max(kept.sum(), 1), 1e-9)
    return float(np.dot(p, np.log(p / q)))


def _saturated(side: Array, limit: int) -> tuple[Array, Array]:
    """The bins up to the limit, and the same with all that lies beyond counted in the last."""
    inside = side[:limit]
    clipped = inside.copy()
    clipped[-1] += side[limit:].sum()
    return inside, clipped


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("minmax", minmax, "from the least to the greatest real seen"),
        Method("moving-average", moving_average, "averages of the samples' least and greatest reals"),
        Method("percentile", percentile, f"all but {100 - PERCENTILE:.2g} % of the reals at each end"),
        Method("mse", mse, "least mean squared error of rounding and clipping"),
        Method("entropy", entropy, "least information lost to clipping and 8 bits (KL divergence)"),
    )
}


def choose(histogram: Histogram, target: Target, method: str) -> Encoding:
    """The encoding that a method of `METHODS` leads to."""
    return target.encode(METHODS[method].choose(histogram, target))


def choose_with_headroom(histogram: Histogram, target: Target, method: str) -> Encoding:
    """As `choose`, for samples to come: in 16 bits, and of small values, the range is wider."""
    low, high = METHODS[method].choose(histogram, target)
    factor = HEADROOM if target.dtype is DType.S16 else SMALL_HEADROOM if _is_small(histogram) else 1.0
    return target.encode(Range(low * factor, high * factor))


def _is_small(histogram: Histogram) -> bool:
    """Whether there are few elements per sample, and few samples."""
    return len(histogram.recent) < RECENT and histogram.count <= SMALL * len(histogram.recent)
