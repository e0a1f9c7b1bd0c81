"""What the observers see is what the graph computes, sample by sample or in batches."""

import numpy as np
import pytest
from rewriting import graph_of

from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate_float
from edgeq.ir import Graph
from edgeq.quantize.histogram import Histogram
from edgeq.quantize.observers import Observers, observe

_SAMPLES = np.random.default_rng(0).normal(size=(9, 1, 6)).astype(np.float32)

_TEXT = """
graph net
input  %x: f32[1,6]
%y: f32[1,6] = relu(%x)
%z: f32[1,6] = add(%x, %y)
output %z
"""


@pytest.fixture
def graph() -> Graph:
    return graph_of(_TEXT)


def _of(arrays: list[np.ndarray]) -> Histogram:
    histogram = Histogram()
    for array in arrays:
        histogram.update(array)
    return histogram


def test_every_value_of_every_sample_is_seen(graph: Graph) -> None:
    histograms = observe(graph, [(x,) for x in _SAMPLES])
    values = [evaluate_float(graph, [x]) for x in _SAMPLES]
    assert list(histograms) == ["x", "y", "z"]
    for name, histogram in histograms.items():
        expected = _of([value[name] for value in values])
        np.testing.assert_array_equal(histogram.counts, expected.counts)
        np.testing.assert_array_equal(histogram.recent, expected.recent)
    assert histograms["y"].low == 0
    assert histograms["y"].zeros > 0


def test_only_what_is_wanted_and_how_far_it_is(graph: Graph) -> None:
    seen: list[int] = []
    assert list(observe(graph, [(x,) for x in _SAMPLES], {"z"}, seen.append)) == ["z"]
    assert seen == list(range(1, 10))


def test_watching_changes_no_value(graph: Graph) -> None:
    watched = evaluate_float(graph, [_SAMPLES[0]], Observers().watch(0))
    np.testing.assert_array_equal(watched["z"], evaluate_float(graph, [_SAMPLES[0]])["z"])


def test_a_batch_is_its_samples() -> None:
    alone, batched = Observers(), Observers()
    for index, x in enumerate(_SAMPLES):
        alone.watch(index)("v", x)
    batched.watch(0, 5)("v", _SAMPLES[:5])
    batched.watch(5, 4)("v", _SAMPLES[5:].reshape(4, 6))
    np.testing.assert_array_equal(alone.histograms["v"].counts, batched.histograms["v"].counts)
    np.testing.assert_array_equal(alone.histograms["v"].recent, batched.histograms["v"].recent)


@pytest.mark.parametrize(("bad", "found"), [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite")])
def test_what_is_not_finite_is_refused_with_its_place(graph: Graph, bad: float, found: str) -> None:
    samples = _SAMPLES.copy()
    samples[4, 0, 2] = bad
    with pytest.raises(EdgeqError, match=f"value x is {found} for sample 4 of the calibration data; accepted"):
        observe(graph, [(x,) for x in samples])
    with pytest.raises(EdgeqError, match=f"value x is {found} for sample 104 "):
        Observers().watch(100, 9)("x", samples)
