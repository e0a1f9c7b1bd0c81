"""Ranges and encodings: what each method promises, on data of every kind, judged on the data themselves."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeq.ir import DType, Quant, TensorType
from edgeq.ir.tensor import dequantize
from edgeq.ops.quantize import quantize_array
from edgeq.quantize.encoding import Encoding
from edgeq.quantize.histogram import Histogram
from edgeq.quantize.ranges import (
    HEADROOM,
    METHODS,
    MIN_SCALE,
    ZERO_SCALE,
    Range,
    Target,
    choose,
    choose_with_headroom,
    encode,
    entropy,
    expected_error,
    minmax,
    moving_average,
    mse,
    percentile,
)

_settings = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))

S8 = Target()
S8_SYMMETRIC = Target(DType.S8, symmetric=True)
S16 = Target(DType.S16, symmetric=True)
TARGETS = (S8, S8_SYMMETRIC, S16)

_rng = np.random.default_rng(0)
_NORMAL = _rng.normal(size=50_000)
DATA = {
    "normal": _NORMAL + 0.3,
    "relu": np.maximum(_NORMAL, 0),
    "negative": -np.abs(_NORMAL),
    "laplace": _rng.laplace(size=50_000) * 1e-3,
    "heavy tails": _rng.standard_t(3, size=50_000),
    "outlier": np.append(_NORMAL * 0.01, 5.0),
    "pixels": _rng.integers(0, 256, 50_000) / 255,
    "far from zero": _NORMAL + 40,
    "constant": np.full(100, 0.7),
    "negative constant": np.full(100, -3.0),
    "two values": np.array([0.0, 0.37] * 50),
    "zeros": np.zeros(100),
    "one": np.array([1.5]),
}


def _histogram(data: np.ndarray) -> Histogram:
    histogram = Histogram()
    histogram.update(np.asarray(data, np.float32))
    return histogram


def _true_error(data: np.ndarray, encoding: Encoding) -> float:
    """Of the reals themselves, by the op that quantizes."""
    reals = np.asarray(data, np.float32)
    type_ = TensorType(reals.shape, encoding.dtype, encoding.quant)
    return float(np.mean((dequantize(quantize_array(reals, type_), type_).astype(np.float64) - reals) ** 2))


_ends = st.floats(-(2.0**100), 2.0**100, width=32)


@_settings
@given(_ends, _ends, st.sampled_from(TARGETS))
def test_the_integers_span_the_interval(a: float, b: float, target: Target) -> None:
    low, high = min(a, b, 0.0), max(a, b, 0.0)
    encoding = target.encode(Range(min(a, b), max(a, b)))
    scale, zero_point = encoding.quant.scale[0], encoding.quant.zero_point[0]
    first, last = target.dtype.range
    assert scale == np.float32(scale)
    assert scale >= MIN_SCALE
    assert first <= zero_point <= last
    assert zero_point == 0 or not target.symmetric
    half = scale * 0.5 * (1 + 1e-5)  # of a float32 scale's rounding over 255 steps
    assert (first - zero_point) * scale <= low + half
    assert (last - zero_point) * scale >= high - half


@_settings
@given(st.floats(2.0**-30, 2.0**100, width=32))
def test_an_end_at_zero_is_hit_exactly(top: float) -> None:
    for low, high, zero_point in ((0.0, top, -128), (top / 2, top, -128), (-top, 0.0, 127), (-top, -top / 2, 127)):
        encoding = encode(low, high, DType.S8, symmetric=False)
        assert encoding.quant == Quant.per_tensor(top / 255, zero_point)


def test_steps_of_symmetric_encodings() -> None:
    assert encode(-1.0, 2.0, DType.S8, symmetric=True).quant == Quant.per_tensor(2 / 127, 0)
    assert encode(-4.0, 2.0, DType.S16, symmetric=True).quant == Quant.per_tensor(4 / 32767, 0)


def test_intervals_without_width() -> None:
    for target in TARGETS:
        assert target.encode(Range(0.0, 0.0)) == Encoding(target.dtype, Quant.per_tensor(ZERO_SCALE, 0))
        assert target.encode(Range(1e-30, 2e-30)).quant.scale == (MIN_SCALE,)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("target", TARGETS, ids=["s8", "symmetric", "s16"])
@pytest.mark.parametrize("method", METHODS)
def test_expected_error_is_that_of_the_data(name: str, target: Target, method: str) -> None:
    histogram = _histogram(DATA[name])
    encoding = choose(histogram, target, method)
    expected, true = expected_error(histogram, encoding), _true_error(DATA[name], encoding)
    # Reals on a grid can fall on the integers, which the histogram sees no finer than its bins.
    assert expected == pytest.approx(true, rel=0.03, abs=(histogram.width / 2) ** 2)


@_settings
@given(st.floats(-1, 1), st.floats(1e-3, 10), st.integers(-128, 127), st.integers(0, 3))
def test_expected_error_for_any_scale_and_zero_point(mean: float, scale: float, zero_point: int, seed: int) -> None:
    data = np.random.default_rng(seed).normal(mean, 1.0, size=4000)
    histogram = _histogram(data)
    encoding = Encoding(DType.S8, Quant.per_tensor(scale, zero_point))
    expected, true = expected_error(histogram, encoding), _true_error(data, encoding)
    # Within a bin, 4000 reals are not spread evenly; where steps are wide, that is all the difference.
    assert expected == pytest.approx(true, rel=0.05, abs=(histogram.width / 2) ** 2)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("target", TARGETS, ids=["s8", "symmetric", "s16"])
def test_the_mse_range_is_never_worse_than_another(name: str, target: Target) -> None:
    histogram = _histogram(DATA[name])
    errors = {method: expected_error(histogram, choose(histogram, target, method)) for method in METHODS}
    assert errors["mse"] <= min(errors.values()) * 1.005 + 1e-30
    assert errors["mse"] <= errors["minmax"]


@pytest.mark.parametrize("name", ["normal", "relu", "laplace", "heavy tails", "outlier"])
def test_the_mse_range_is_near_the_best_of_a_fine_grid(name: str) -> None:
    histogram = _histogram(DATA[name])
    widest = minmax(histogram, S8)
    shares = np.geomspace(1, 1 / 64, 60)
    grid = (Range(min(widest.low, 0) * a, max(widest.high, 0) * b) for a in shares for b in shares)
    best = min(expected_error(histogram, S8.encode(span)) for span in grid)
    assert expected_error(histogram, choose(histogram, S8, "mse")) <= best * 1.01


def test_the_mse_range_clips_each_end_for_itself() -> None:
    data = np.concatenate([_NORMAL, [-20.0]])  # a lone outlier below
    span = mse(_histogram(data), S8)
    assert -20 < span.low < -3
    assert 3.5 < span.high < 4.6


def test_no_method_clips_pixels_but_by_less_than_two_steps() -> None:
    for method in METHODS.values():
        span = method.choose(_histogram(DATA["pixels"]), S8)
        assert span.low == pytest.approx(0, abs=1e-9)
        assert span.high == pytest.approx(1, abs=2 / 255)


@pytest.mark.parametrize("value", [0.7, -3.0, 1e-6, 1e20])
@pytest.mark.parametrize("target", TARGETS, ids=["s8", "symmetric", "s16"])
def test_constants_are_kept(value: float, target: Target) -> None:
    histogram = _histogram(np.full(10, value))
    for method in METHODS:
        encoding = choose(histogram, target, method)
        assert _true_error(np.full(10, value), encoding) <= (value * 1e-6) ** 2


@pytest.mark.parametrize("method", METHODS)
def test_no_data_and_zeros_have_a_range(method: str) -> None:
    for target in TARGETS:
        for histogram in (Histogram(), _histogram(np.zeros(5))):
            encoding = choose(histogram, target, method)
            assert encoding.quant == Quant.per_tensor(ZERO_SCALE, 0)
            assert expected_error(histogram, encoding) == 0


@pytest.mark.parametrize("method", METHODS)
def test_what_a_relu_gives_has_its_zero_point_at_the_end(method: str) -> None:
    encoding = choose(_histogram(DATA["relu"]), S8, method)
    assert encoding.quant.zero_point == (-128,)


def test_percentiles_cut_that_share_at_each_end() -> None:
    histogram = _histogram(DATA["normal"])
    low, high = percentile(histogram, S8, 99.0)
    assert np.mean(DATA["normal"] < low) == pytest.approx(0.01, abs=1e-4)
    assert np.mean(DATA["normal"] > high) == pytest.approx(0.01, abs=1e-4)
    low, high = percentile(histogram, S16, 99.0)
    assert low == -high
    assert np.mean(np.abs(DATA["normal"]) > high) == pytest.approx(0.01, abs=1e-4)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.99])
def test_moving_averages_by_their_recurrence(momentum: float) -> None:
    rows = np.random.default_rng(1).normal(size=(20, 7)).astype(np.float32)
    histogram = Histogram()
    histogram.update(rows, samples=20)
    low = high = weight = 0.0
    for row in rows:
        low = momentum * low + (1 - momentum) * float(row.min())
        high = momentum * high + (1 - momentum) * float(row.max())
        weight = momentum * weight + (1 - momentum)
    assert moving_average(histogram, S8, momentum) == pytest.approx((low / weight, high / weight))


def _kl(data: np.ndarray, limit: float, levels: int, bins: int) -> float:
    """Of magnitudes clipped to a limit, as Migacz writes it down, bin by bin, on a grid of bins up to that limit."""
    clipped = np.histogram(np.minimum(data, np.nextafter(limit, 0)), bins, (0, limit))[0].astype(float)
    inside = np.histogram(data[data < limit], bins, (0, limit))[0].astype(float)
    q = np.zeros(bins)
    for level in range(levels):
        part = slice(level * bins // levels, (level + 1) * bins // levels)
        occupied = clipped[part] > 0
        q[part][occupied] = inside[part].sum() / max(occupied.sum(), 1)
    p, q = clipped / clipped.sum(), q / q.sum()
    kept = p > 0
    return float(np.sum(p[kept] * np.log(p[kept] / np.maximum(q[kept], 1e-9))))


@pytest.mark.parametrize("name", ["laplace", "heavy tails", "outlier"])
@pytest.mark.parametrize("target", [S8, S8_SYMMETRIC], ids=["s8", "symmetric"])
def test_the_entropy_limit_has_less_divergence_than_others(name: str, target: Target) -> None:
    data = np.abs(DATA[name])
    histogram = _histogram(data)
    width = 2 * histogram.width
    levels = 128 if target.symmetric else 256
    chosen = round(entropy(histogram, target).high / width)
    assert chosen < data.max() / width
    best = _kl(data, chosen * width, levels, chosen)
    for other in np.linspace(levels, data.max() / width, 40).astype(int):
        assert best <= _kl(data, other * width, levels, int(other)) * 1.05 + 1e-4


def test_entropy_of_both_signs_clips_both_ends_alike() -> None:
    span = entropy(_histogram(DATA["heavy tails"]), S8)
    assert span.low == -span.high
    assert span.high < np.abs(DATA["heavy tails"]).max() / 2


def test_sixteen_bits_lose_no_information_to_entropy() -> None:
    histogram = _histogram(DATA["heavy tails"])
    span = entropy(histogram, S16)
    assert span.high == -span.low == max(histogram.high, -histogram.low)


@pytest.mark.parametrize("method", METHODS)
def test_ranges_scale_with_the_data(method: str) -> None:
    choose_: Callable[[Histogram, Target], Range] = METHODS[method].choose
    for target in TARGETS:
        a, b = (choose_(_histogram(DATA["laplace"] * f), target) for f in (1.0, 2.0**20))
        assert [x * 2.0**20 for x in a] == pytest.approx(list(b), rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_16_bits_have_headroom_and_8_bits_have_none(method: str) -> None:
    histogram = _histogram(DATA["laplace"])
    assert choose_with_headroom(histogram, S8, method) == choose(histogram, S8, method)
    narrow, wide = choose(histogram, S16, method), choose_with_headroom(histogram, S16, method)
    assert wide.quant.scale[0] == pytest.approx(HEADROOM * narrow.quant.scale[0], rel=1e-6)
    assert _true_error(DATA["laplace"] * 3, wide) < _true_error(DATA["laplace"] * 3, narrow) / 100


def test_methods_are_named_and_explained() -> None:
    assert all(name == method.name and method.doc for name, method in METHODS.items())
