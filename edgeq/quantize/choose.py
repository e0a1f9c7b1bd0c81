"""Chooses the encodings of activations: a method per group of tied values, the best of all by measurement."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from edgeq.ir import DType
from edgeq.ir.graph import Array
from edgeq.quantize.bias_correction import Mean
from edgeq.quantize.data import CalibrationData
from edgeq.quantize.demands import Demand
from edgeq.quantize.encoding import Encoding
from edgeq.quantize.histogram import Histogram
from edgeq.quantize.outputs import measured_values
from edgeq.quantize.ranges import METHODS, choose, choose_with_headroom, expected_error
from edgeq.quantize.scheme import AUTO
from edgeq.quantize.stream import Noise, Runner, run, simulate
from edgeq.quantize.ties import Group

_PER_TENSOR = "least error per tensor"
_MEASURED = 128
"""Samples that candidates are measured on, at most. With 64 of 100 the wrong one is chosen more often: -0.4 dB."""

_HOPELESS = 6.0
"""dB behind the best: such a candidate is not measured on more than the first `_FIRST` samples."""

_FIRST = 8

_ROWS_FOR_A_MEAN = 8
"""Of fewer errors, the mean is too much of each of them."""


@dataclass(frozen=True)
class Chosen:
    """The encoding of a group of values, and where it is from.

    Attributes:
        group: the values.
        encoding: theirs.
        method: of `METHODS`; "given" by the file or a rule of the op.
        histogram: what was observed.
    """

    group: Group
    encoding: Encoding
    method: str
    histogram: Histogram | None = None


@dataclass(frozen=True)
class Candidate:
    """An encoding for every group.

    Attributes:
        name: of the method.
        chosen: one for each group.
        sqnr: in dB, of the model's outputs with only activations quantized so; of several outputs, of the mean of their
            ratios of noise to signal, as they may be of any size.
    """

    name: str
    chosen: tuple[Chosen, ...]
    sqnr: float = math.inf


def candidates(demands: Sequence[Demand], histograms: Mapping[str, Histogram]) -> Sequence[Candidate]:
    """One candidate where nothing is automatic; otherwise one per method, and that with the least error per tensor."""
    options = [_options(demand, histograms) for demand in demands]
    automatic = any(d.given is None and d.method == AUTO for d in demands)
    names = [_PER_TENSOR if automatic else "as asked for"]
    if any(len(option) > 1 for option in options):
        names += METHODS
    return [Candidate(name, tuple(o.get(name, o[_PER_TENSOR]) for o in options)) for name in names]


def _options(demand: Demand, histograms: Mapping[str, Histogram]) -> Mapping[str, Chosen]:
    """What each method leads to; where there is no choice, that alone, as what is best.

    In 16 bits there is none: what the samples at hand would tell apart is which method leaves least headroom.
    """
    if demand.given is not None:
        return {_PER_TENSOR: Chosen(demand.group, demand.given, "given")}
    histogram, target = _merged(demand.group, histograms), demand.target
    encode = choose if demand.constant else choose_with_headroom

    def chosen(method: str) -> Chosen:
        return Chosen(demand.group, encode(histogram, target, method), method, histogram)

    if demand.method != AUTO:
        return {_PER_TENSOR: chosen(demand.method)}
    # Headroom comes after: with it, the range with the finest steps would be that which clips what was observed.
    best = min(METHODS, key=lambda method: expected_error(histogram, choose(histogram, target, method)))
    if target.dtype is DType.S16:
        return {_PER_TENSOR: chosen(best)}
    options = {method: chosen(method) for method in METHODS}
    return {**options, _PER_TENSOR: options[best]}


def _merged(group: Group, histograms: Mapping[str, Histogram]) -> Histogram:
    total, *parts = (histograms[v] for v in (*group.values, *group.constants) if v in histograms)
    for part in parts:
        total = total.merge(part)
    return total


def measured_samples(data: CalibrationData) -> CalibrationData:
    """Those that candidates are measured on."""
    return data if len(data) <= _MEASURED else data.split(_MEASURED)[0]


def ranked(
    runner: Runner, found: Sequence[Candidate], data: CalibrationData, done: Callable[[], None]
) -> Sequence[Candidate]:
    """The candidates with their measured SQNR, the best first.

    Args:
        runner: of the float graph.
        found: what to compare.
        data: samples to measure on.
        done: is called after each sample.
    """
    outputs = measured_values(runner.graph)
    race = [_Measured(candidate, {name: _Noise() for name in outputs}) for candidate in found]
    for chunk in runner.chunks(data):
        right = run(chunk)
        for each in race:
            if each.hopeful:
                rounded = run(chunk, simulate(each.encodings))
                for name, noise in each.noises.items():
                    noise.add(right[name], rounded[name])
        if chunk.first + chunk.count >= _FIRST:
            limit = max(each.sqnr for each in race) - _HOPELESS
            for each in race:
                each.hopeful = each.hopeful and each.sqnr >= limit
        for _ in range(chunk.count):
            done()
    measured = [replace(each.candidate, sqnr=each.sqnr) for each in race]
    return sorted(measured, key=lambda candidate: -candidate.sqnr)


@dataclass
class _Noise:
    """Noise but for the mean error of each channel, which biases will take up.

    With it, ranges that clip would look worse than they become: on one of four nets the best of them was passed over.
    """

    whole: Noise = field(default_factory=Noise)
    mean: Mean | None = None

    def add(self, right: Array, found: Array) -> None:
        self.whole.add(right, found)
        rows = (found.astype(np.float64) - right).reshape(-1, right.shape[-1] if right.ndim else 1)
        self.mean = self.mean or Mean.zeros(rows.shape[1])
        self.mean.add(rows)

    @property
    def ratio(self) -> float:
        """Of noise to signal."""
        if self.mean is None or self.mean.rows < _ROWS_FOR_A_MEAN:
            return 10 ** (-self.whole.sqnr / 10)
        shifted = self.mean.rows * float(np.square(self.mean.value).sum())
        return 10 ** (-Noise(self.whole.signal, max(0.0, self.whole.error - shifted)).sqnr / 10)


@dataclass
class _Measured:
    """A candidate being measured, and the noise of each output."""

    candidate: Candidate
    noises: Mapping[str, _Noise]
    hopeful: bool = True

    @cached_property
    def encodings(self) -> Mapping[str, Encoding]:
        return as_encodings(self.candidate.chosen)

    @property
    def sqnr(self) -> float:
        """In dB, of the mean ratio of noise to signal."""
        mean = sum(noise.ratio for noise in self.noises.values()) / max(1, len(self.noises))
        return -10 * math.log10(mean) if mean else math.inf


def as_encodings(chosen: Sequence[Chosen]) -> dict[str, Encoding]:
    """By value, constants that are tied to values included."""
    return {value: c.encoding for c in chosen for value in (*c.group.values, *c.group.constants)}
