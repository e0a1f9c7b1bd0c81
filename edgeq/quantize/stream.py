"""Runs float graphs over calibration data, many samples at a time where the graph allows it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgeq.batching import rebatch
from edgeq.evaluate import Transform, evaluate_float
from edgeq.ir import Graph
from edgeq.ir.graph import Array
from edgeq.quantize.data import CalibrationData
from edgeq.quantize.encoding import Encoding

_BATCH_ELEMENTS = 1 << 24
"""Of the largest value of a batch: 64 MiB."""

_LARGEST_BATCH = 32


@dataclass(frozen=True)
class Chunk:
    """Some samples, and the graph that runs them at once.

    Attributes:
        graph: for `count` samples.
        inputs: one array per input.
        first: number of the first sample.
        count: how many there are.
    """

    graph: Graph
    inputs: Sequence[Array]
    first: int
    count: int


class Runner:
    """A float graph, ready for one sample or many."""

    def __init__(self, graph: Graph) -> None:
        largest = max((t.size for t in graph.types.values()), default=1)
        self.graph = graph
        self.batch = max(1, min(_LARGEST_BATCH, _BATCH_ELEMENTS // max(1, largest)))

    @cached_property
    def _many(self) -> Graph | None:
        """The graph for a whole batch, made when there is one: it is tried out first."""
        return rebatch(self.graph, self.batch) if self.batch > 1 else None

    def chunks(self, data: CalibrationData) -> Iterator[Chunk]:
        """All samples, in order."""
        whole = len(data) // self.batch * self.batch
        whole = whole if whole and self._many is not None else 0
        for first in range(0, whole, self.batch):
            assert self._many is not None
            runs = [data[n] for n in range(first, first + self.batch)]
            yield Chunk(self._many, [np.concatenate(arrays) for arrays in zip(*runs, strict=True)], first, self.batch)
        for first in range(whole, len(data)):
            yield Chunk(self.graph, data[first], first, 1)


def run(chunk: Chunk, transform: Transform | None = None) -> dict[str, Array]:
    """Every value, for all samples of a chunk."""
    return evaluate_float(chunk.graph, chunk.inputs, transform)


def fake_quantize(array: Array, encoding: Encoding) -> Array:
    """Reals rounded to those that the integers of an encoding, per tensor, stand for; as float32."""
    scale, zero = np.float32(encoding.quant.scale[0]), encoding.quant.zero_point[0]
    low, high = encoding.dtype.range
    with np.errstate(over="ignore"):  # infinity saturates
        steps = np.rint(array / scale)
    return np.asarray(np.clip(steps, low - zero, high - zero) * scale, np.float32)


def simulate(encodings: Mapping[str, Encoding]) -> Transform:
    """For `evaluate_float`: rounds every value that has an encoding."""

    def through(name: str, array: Array) -> Array:
        encoding = encodings.get(name)
        return array if encoding is None else fake_quantize(array, encoding)

    return through


@dataclass
class Noise:
    """Power of a signal and of what is wrong with it; of several arrays together.

    Attributes:
        signal: sum of squares of what is right.
        error: sum of squares of the differences.
    """

    signal: float = 0.0
    error: float = 0.0

    def add(self, right: Array, found: Array) -> None:
        """Count an array in."""
        wide = right.astype(np.float64)
        self.signal += float(np.square(wide).sum())
        self.error += float(np.square(wide - found).sum())

    @property
    def sqnr(self) -> float:
        """Signal to quantization noise ratio in dB; infinite where nothing is wrong."""
        if self.error == 0:
            return math.inf
        return 10 * math.log10(self.signal / self.error) if self.signal else -math.inf
