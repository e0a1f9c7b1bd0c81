"""Histograms do not depend on how the data came, keep what is exact exact, and stay small."""

import math
from functools import reduce

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeq.quantize.histogram import RECENT, Histogram

_settings = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))

_FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
_ARRAYS = hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=40), elements=_FINITE)


def _of(*arrays: np.ndarray, bins: int = 64) -> Histogram:
    histogram = Histogram(bins)
    for array in arrays:
        histogram.update(array)
    return histogram


def _assert_same(a: Histogram, b: Histogram) -> None:
    assert (a.exponent, a.zeros, a.count, a.nans, a.infinities) == (b.exponent, b.zeros, b.count, b.nans, b.infinities)
    assert (a.low, a.high) == (b.low, b.high)
    np.testing.assert_array_equal(a.counts, b.counts)
    np.testing.assert_array_equal(a.recent, b.recent)
    magnitude = max(abs(a.low), abs(a.high)) if a.count else 0.0
    assert math.isclose(a.sum, b.sum, rel_tol=1e-12, abs_tol=1e-12 * magnitude * a.count)
    assert math.isclose(a.squares, b.squares, rel_tol=1e-12)


def _slow_counts(data: np.ndarray, bins: int, exponent: int) -> np.ndarray:
    """By the definition, element by element."""
    counts = np.zeros(bins, np.int64)
    for x in data[data != 0].tolist():
        magnitude = math.floor(abs(x) / (2.0 * 2.0**exponent / bins))
        counts[bins // 2 + magnitude if x > 0 else bins // 2 - 1 - magnitude] += 1
    return counts


@_settings
@given(st.lists(_ARRAYS, min_size=1, max_size=5))
def test_counts_and_moments_are_those_of_all_data(arrays: list[np.ndarray]) -> None:
    histogram = _of(*arrays)
    data = np.concatenate([a.reshape(-1) for a in arrays]).astype(np.float64)
    assert histogram.count == data.size == histogram.counts.sum() + histogram.zeros
    assert histogram.zeros == np.sum(data == 0)
    assert (histogram.low, histogram.high) == (data.min(), data.max())
    assert math.isclose(histogram.squares, math.fsum(data * data), rel_tol=1e-12)
    assert math.isclose(histogram.mean, math.fsum(data) / data.size, rel_tol=1e-9, abs_tol=1e-12 * np.abs(data).max())
    if data.any():
        assert histogram.exponent == math.frexp(np.abs(data).max())[1]
        np.testing.assert_array_equal(histogram.counts, _slow_counts(data, histogram.bins, histogram.exponent))
    else:
        assert histogram.exponent is None


@_settings
@given(st.lists(_ARRAYS, max_size=3), st.lists(_ARRAYS, max_size=3), st.lists(_ARRAYS, max_size=3))
def test_merging_is_the_histogram_of_both_and_associative(a: list, b: list, c: list) -> None:
    parts = [_of(*arrays) for arrays in (a, b, c)]
    whole = _of(*a, *b, *c)
    _assert_same(reduce(Histogram.merge, parts), whole)
    _assert_same(parts[0].merge(parts[1].merge(parts[2])), whole)


@_settings
@given(st.lists(_ARRAYS, min_size=1, max_size=4))
def test_merging_leaves_its_parts_as_they_are(arrays: list) -> None:
    part, before = _of(*arrays), _of(*arrays)
    part.merge(_of(np.full(3, 1e30, np.float32)))
    _assert_same(part, before)


@_settings
@given(hnp.arrays(np.float32, (6, 5), elements=_FINITE))
def test_a_batch_is_its_samples(batch: np.ndarray) -> None:
    at_once = Histogram(64)
    at_once.update(batch, samples=6)
    _assert_same(at_once, _of(*batch))
    np.testing.assert_array_equal(at_once.recent, np.stack([batch.min(1), batch.max(1)], 1))


@_settings
@given(_ARRAYS)
def test_negated_data_have_mirrored_counts(array: np.ndarray) -> None:
    np.testing.assert_array_equal(_of(-array).counts, _of(array).counts[::-1])


def test_more_elements_than_a_block_are_all_counted() -> None:
    data = np.random.default_rng(0).normal(size=200_001).astype(np.float32)
    data[::7] = 0
    histogram = _of(data)
    np.testing.assert_array_equal(histogram.counts, _slow_counts(data, 64, histogram.exponent or 0))
    assert histogram.zeros == math.ceil(200_001 / 7)


def test_memory_is_bounded() -> None:
    histogram = Histogram()
    for k in range(RECENT + 100):
        histogram.update(np.array([k, -k], np.float32))
    assert histogram.counts.nbytes + histogram.recent.nbytes < 100_000
    assert histogram.recent[0].tolist() == [-100, 100]
    assert histogram.recent[-1].tolist() == [-(RECENT + 99), RECENT + 99]


def test_what_is_not_finite_is_counted_and_nowhere_else() -> None:
    histogram = _of(np.array([1, np.nan, np.inf, -2, -np.inf, np.nan], np.float32))
    assert (histogram.nans, histogram.infinities, histogram.count) == (2, 2, 2)
    assert (histogram.low, histogram.high, histogram.sum, histogram.counts.sum()) == (-2, 1, -1, 2)
    _of(np.full(3, np.nan, np.float32))  # nothing finite at all


def test_nothing_and_zeros() -> None:
    nothing = _of(np.empty((0, 3), np.float32))
    assert (nothing.count, nothing.quantile(0.5), nothing.mean, len(nothing.cells().counts)) == (0, 0, 0, 0)
    zeros = _of(np.array([0.0, -0.0], np.float32))
    assert (zeros.count, zeros.zeros, zeros.exponent, zeros.low, zeros.high) == (2, 2, None, 0, 0)
    assert (zeros.quantile(0.0), zeros.quantile(1.0), zeros.magnitude_quantile(0.5)) == (0, 0, 0)


@pytest.mark.parametrize("value", [1e-45, -1e-45, 3.4e38, -3.4e38, 1.0, 0.9999999])
def test_extremes_of_float32_have_a_bin(value: float) -> None:
    histogram = _of(np.array([value, 0], np.float32))
    assert histogram.counts.sum() == 1
    cells = histogram.cells()
    assert cells.left[0] == cells.right[0] or cells.left[0] <= np.float32(value) <= cells.right[0]


@_settings
@given(_ARRAYS, st.floats(0, 1))
def test_quantiles_are_within_a_bin_of_the_sorted_data(array: np.ndarray, share: float) -> None:
    histogram = _of(array)
    for quantile, data in (
        (histogram.quantile, np.sort(array.reshape(-1).astype(np.float64))),
        (histogram.magnitude_quantile, np.sort(np.abs(array.reshape(-1).astype(np.float64)))),
    ):
        rank = share * data.size
        low = data[max(math.ceil(rank) - 1, 0)]
        high = data[min(math.floor(rank), data.size - 1)]
        assert low - histogram.width <= quantile(share) <= high + histogram.width
    assert histogram.quantile(0.0) == histogram.low
    assert histogram.quantile(1.0) == histogram.high


def test_quantiles_of_two_sided_data_with_zeros() -> None:
    histogram = _of(np.array([-4.0, -3.0, 0, 0, 0, 0, 5.0, 6.0], np.float32), bins=8192)
    expected = {0.0: -4.0, 0.5: 0.0, 0.75: 0.0, 1.0: 6.0}
    assert {share: histogram.quantile(share) for share in expected} == expected
    assert histogram.quantile(0.25) == pytest.approx(-3, abs=0.01)
    assert histogram.quantile(0.875) == pytest.approx(5, abs=0.01)
    assert histogram.magnitude_quantile(0.625) == pytest.approx(3, abs=0.01)
