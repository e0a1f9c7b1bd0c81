"""Streaming histograms: what a calibration remembers of a value, in bounded memory however long the data.

The bins are uniform from -2**e to 2**e, where 2**e is the least power of two above every magnitude seen. Zero is an
edge; a real at another edge is in the bin further from zero, so that negated data have mirrored counts. When e grows,
bins merge in pairs, and a bin of one e is a union of whole bins of every smaller one. So the counts depend on the
data alone, not on the order or the batches in which they came, and merging is exact.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from edgeq.ir.graph import Array

BINS = 8192
"""Of a histogram. Data of one sign fill at least a quarter of them: eight bins for each step of 8 bits."""

RECENT = 1024
"""Samples whose extremes are kept in order, for moving averages."""

_BLOCK = 1 << 16
"""Elements binned at a time, so that the temporaries stay in cache."""


class Cells(NamedTuple):
    """The bins that are not empty, as arrays: edges, no further out than the data's extremes, and counts."""

    left: Array
    right: Array
    counts: Array


@dataclass
class Histogram:
    """Distribution of one value's finite reals.

    Attributes:
        bins: how many; a power of two.
        exponent: of the magnitude where the bins end; None while nothing but zeros was seen.
        counts: per bin, zeros left out.
        zeros: how many elements are exactly zero. Quantization keeps them exactly, so no range depends on them.
        count: of finite elements, zeros included.
        nans: how many elements were NaN; these are in nothing else.
        infinities: how many elements were infinite; these are in nothing else.
        low: the least element; infinity while there is none.
        high: the greatest; minus infinity while there is none.
        sum: of the elements.
        squares: sum of their squares.
        recent: [samples, 2], least and greatest element of each of the last `RECENT` samples, oldest first.
    """

    bins: int = BINS
    exponent: int | None = None
    counts: Array = field(init=False, repr=False)
    zeros: int = 0
    count: int = 0
    nans: int = 0
    infinities: int = 0
    low: float = math.inf
    high: float = -math.inf
    sum: float = 0.0
    squares: float = 0.0
    recent: Array = field(default_factory=lambda: np.empty((0, 2), np.float32), repr=False)

    def __post_init__(self) -> None:
        assert self.bins >= 2
        assert self.bins & (self.bins - 1) == 0
        self.counts = np.zeros(self.bins, np.int64)

    @property
    def mean(self) -> float:
        """Of the elements; 0 while there is none."""
        return self.sum / self.count if self.count else 0.0

    @property
    def width(self) -> float:
        """Of one bin; 0 while nothing but zeros was seen."""
        return 0.0 if self.exponent is None else math.ldexp(2.0, self.exponent) / self.bins

    def update(self, array: Array, samples: int = 1) -> None:
        """Take in the value's reals.

        Args:
            array: of float32, any shape.
            samples: how many samples it holds, one after the other along its first axis.
        """
        if not array.size:
            return
        rows = np.asarray(array, np.float32).reshape(samples, -1)
        extremes = np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1)
        if not np.isfinite(extremes).all():
            self._update_finite(rows)
            return
        self.recent = np.concatenate([self.recent, extremes])[-RECENT:]
        self._take(rows.reshape(-1), float(extremes[:, 0].min()), float(extremes[:, 1].max()))

    def _update_finite(self, rows: Array) -> None:
        """Count what is not finite and take in what is, sample by sample."""
        self.nans += int(np.isnan(rows).sum())
        self.infinities += int(np.isinf(rows).sum())
        for row in rows:
            self.update(row[np.isfinite(row)])

    def _take(self, flat: Array, low: float, high: float) -> None:
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.count += flat.size
        if low == high == 0.0:
            self.zeros += flat.size
            return
        self._reach(math.frexp(max(-low, high))[1])
        for start in range(0, flat.size, _BLOCK):
            self._bin(flat[start : start + _BLOCK].astype(np.float64))

    def _bin(self, block: Array) -> None:
        self.sum += float(block.sum())
        self.squares += float(np.einsum("i,i", block, block))  # not BLAS, whose threads cost more than this
        zeros = block.size - int(np.count_nonzero(block))
        places = (block / self.width).astype(np.int64)
        places += self.bins // 2
        places -= block < 0
        self.counts += np.bincount(places, minlength=self.bins)
        self.counts[self.bins // 2] -= zeros
        self.zeros += zeros

    def _reach(self, exponent: int) -> None:
        """Widen the bins until they hold magnitudes below 2**exponent."""
        if self.exponent is not None and self.exponent < exponent:
            self.counts = _coarsened(self.counts, exponent - self.exponent)
        if self.exponent is None or self.exponent < exponent:
            self.exponent = exponent

    def merge(self, later: "Histogram") -> "Histogram":
        """The histogram of this data followed by that of `later`, which has as many bins."""
        assert self.bins == later.bins
        merged = Histogram(self.bins)
        merged.recent = np.concatenate([self.recent, later.recent])[-RECENT:]
        for part in (self, later):
            if part.exponent is not None:
                merged._reach(part.exponent)
        for part in (self, later):
            if part.exponent is not None and merged.exponent is not None:
                merged.counts += _coarsened(part.counts, merged.exponent - part.exponent)
        for name in ("zeros", "count", "nans", "infinities", "sum", "squares"):
            setattr(merged, name, getattr(self, name) + getattr(later, name))
        merged.low, merged.high = min(self.low, later.low), max(self.high, later.high)
        return merged

    def cells(self) -> Cells:
        """The bins that are not empty, zeros left out."""
        places = np.flatnonzero(self.counts)
        left = (places - self.bins // 2) * self.width
        return Cells(np.maximum(left, self.low), np.minimum(left + self.width, self.high), self.counts[places])

    def magnitudes(self) -> Array:
        """Counts of |x| in `bins / 2` bins over [0, 2**exponent), zeros left out."""
        return np.asarray(self.counts[self.bins // 2 :] + self.counts[self.bins // 2 - 1 :: -1])

    def quantile(self, share: float) -> float:
        """The real below which that share of the elements lies, linear within a bin; 0 while there is none."""
        cells = self.cells()
        split = int(np.searchsorted(cells.left, 0.0))
        below, above = (Cells(*(a[part] for a in cells)) for part in (slice(split), slice(split, None)))
        return _quantile([below, self._zero_cell(), above], share * self.count)

    def magnitude_quantile(self, share: float) -> float:
        """The magnitude below which that share of the elements' magnitudes lies; 0 while there is none."""
        counts, top = self.magnitudes(), max(abs(self.low), abs(self.high))
        places = np.flatnonzero(counts)
        left = places * self.width
        cells = Cells(left, np.minimum(left + self.width, top), counts[places])
        return _quantile([self._zero_cell(), cells], share * self.count)

    def _zero_cell(self) -> Cells:
        """The zeros as a cell of no width; nothing where there are none."""
        return Cells(*(np.array([value] if self.zeros else [], np.float64) for value in (0.0, 0.0, self.zeros)))


def _quantile(parts: list[Cells], rank: float) -> float:
    left, right, counts = (np.concatenate([part[i] for part in parts]) for i in range(3))
    if not len(counts):
        return 0.0
    ends = np.cumsum(counts)
    place = min(int(np.searchsorted(ends, rank)), len(ends) - 1)
    within = (rank - (ends[place] - counts[place])) / counts[place]
    # Rounding must not lead out of a cell that ends far nearer to zero than it begins.
    inside = left[place] + (right[place] - left[place]) * max(within, 0.0)
    return float(min(inside, right[place])) if within < 1 else float(right[place])


def _coarsened(counts: Array, doublings: int) -> Array:
    """The counts in bins that are 2**doublings times as wide, zero an edge as before."""
    if not doublings:
        return counts
    group = 1 << min(doublings, len(counts).bit_length() - 2)
    inner = counts.reshape(-1, group).sum(axis=1)
    result = np.zeros_like(counts)
    start = (len(counts) - len(inner)) // 2
    result[start : start + len(inner)] = inner
    return result
