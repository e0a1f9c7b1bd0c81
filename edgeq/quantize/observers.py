"""Watches a float graph run on calibration data: a histogram per value."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence

import numpy as np

from edgeq.errors import EdgeqError
from edgeq.evaluate import Transform, evaluate_float
from edgeq.ir import Graph
from edgeq.ir.graph import Array
from edgeq.quantize.histogram import Histogram


class Observers:
    """The histograms of a graph's values, inputs included.

    Args:
        wanted: names of the values to watch; None for all of them.
        sources: what messages say of a value behind its name.

    Attributes:
        histograms: value name to histogram, in the order of first sight.
    """

    def __init__(self, wanted: Container[str] | None = None, sources: Mapping[str, str] | None = None) -> None:
        self.histograms: dict[str, Histogram] = {}
        self._wanted = wanted
        self._sources = sources or {}

    def watch(self, first: int, samples: int = 1) -> Transform:
        """For `evaluate_float`: takes in every value of one run, and changes none.

        Args:
            first: index of the run's first sample, for messages.
            samples: how many samples are run at once, stacked along the first axis of every value.

        Raises:
            EdgeqError: from the transform, where a value is NaN or infinite.
        """

        def take(name: str, array: Array) -> Array:
            if self._wanted is None or name in self._wanted:
                self._take(name, array, first, samples)
            return array

        return take

    def _take(self, name: str, array: Array, first: int, samples: int) -> None:
        histogram = self.histograms.setdefault(name, Histogram())
        histogram.update(array, samples)
        if histogram.nans or histogram.infinities:
            bad = ~np.isfinite(array.reshape(samples, -1)).all(axis=1)
            found = "NaN" if histogram.nans else "infinite"
            value = f"{name} {self._sources.get(name, '')}".strip()
            raise EdgeqError(
                f"value {value} is {found} for sample {first + int(bad.argmax())} of the calibration data; "
                "accepted: data for which every value of the model is a finite number"
            )


def observe(
    graph: Graph,
    samples: Iterable[Sequence[Array]],
    wanted: Container[str] | None = None,
    done: Callable[[int], None] | None = None,
) -> dict[str, Histogram]:
    """Run a float graph on each sample and watch its values.

    Args:
        graph: of floats.
        samples: the graph's inputs, for each run.
        wanted: names of the values to watch; None for all of them.
        done: is told the number of samples so far after each, for a progress bar.

    Raises:
        EdgeqError: where a value is NaN or infinite.
    """
    observers = Observers(wanted)
    for index, inputs in enumerate(samples):
        evaluate_float(graph, inputs, observers.watch(index))
        if done is not None:
            done(index + 1)
    return observers.histograms
