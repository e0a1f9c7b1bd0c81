import layer_data
import numpy as np
import pytest

from edgeq.quantize.gptq import Moment, damped, fit, gptq, propagated_target, refine, refit_scales
from edgeq.quantize.weights import WeightRange, choose_scales, integer_range, lowest_scales, round_to, squared_error

_SHAPES = {
    "dense": (1, 12, 70, 400),
    "depthwise": (20, 1, 9, 300),
    "grouped": (3, 5, 18, 300),
    "one input": (1, 4, 1, 50),
    "one sample": (1, 8, 40, 1),
    "fewer rows than columns": (2, 8, 40, 10),
}
_shapes = pytest.mark.parametrize("shape", _SHAPES.values(), ids=_SHAPES)
_bits = pytest.mark.parametrize("bits", range(2, 9))


class _Problem:
    def __init__(self, shape: tuple[int, int, int, int], bits: int = 4, seed: int = 0) -> None:
        groups, out, size, rows = shape
        rng = np.random.default_rng(seed)
        self.x = layer_data.inputs(rng, groups, rows, size)
        self.w = layer_data.weights(rng, groups, out, size)
        self.h = layer_data.hessian(self.x)
        self.bits = bits
        self.scales = choose_scales(self.w, bits, method=WeightRange.MSE)
        self.rounded = round_to(self.w, self.scales, bits)

    def error(self, integers: np.ndarray, scales: np.ndarray | None = None) -> float:
        return layer_data.output_error(self.w, integers, self.scales if scales is None else scales, self.x)


def test_moments_add_up() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3, 101, 7)).astype(np.float32)
    one, parts, others = Moment.zeros(3, 7), Moment.zeros(3, 7), Moment.zeros(3, 7)
    one.add(x, y)
    for start in range(0, 101, 10):
        into = parts if start < 50 else others
        into.add(x[:, start : start + 10], y[:, start : start + 10])
    parts.merge(others)
    direct = np.einsum("gri,grj->gij", x.astype(np.float64), y.astype(np.float64))
    for moment in (one, parts):
        assert moment.rows == 101
        np.testing.assert_allclose(moment.total, direct, atol=1e-12)
    flat = Moment.zeros(1, 7)
    flat.add(x[0])
    np.testing.assert_allclose(flat.total[0], x[0].astype(np.float64).T @ x[0], atol=1e-12)


@_bits
@_shapes
def test_gptq_beats_rounding(shape: tuple[int, int, int, int], bits: int) -> None:
    p = _Problem(shape, bits)
    q = gptq(p.w, p.h, p.scales, bits)
    assert q.dtype == np.int8
    low, high = integer_range(bits)
    assert low <= q.min() <= q.max() <= high
    if shape[2] == 1:
        np.testing.assert_array_equal(q, p.rounded)
    else:
        assert p.error(q) < 0.8 * p.error(p.rounded)


@pytest.mark.parametrize("block", [1, 7, 64, 70, 1000])
def test_blocks_change_nothing(block: int) -> None:
    p = _Problem(_SHAPES["dense"])
    np.testing.assert_array_equal(gptq(p.w, p.h, p.scales, 4, block=block), gptq(p.w, p.h, p.scales, 4))
    refined = refine(p.w, p.rounded, p.h, p.scales, 4)
    np.testing.assert_array_equal(refine(p.w, p.rounded, p.h, p.scales, 4, block=block), refined)


def test_groups_are_problems_of_their_own() -> None:
    p = _Problem(_SHAPES["grouped"])
    for solve in (gptq, lambda w, h, s, bits: fit(w, h, s, bits)[0]):
        together = solve(p.w, p.h, p.scales, 4)
        alone = [solve(*parts, 4) for parts in zip(p.w, p.h, p.scales, strict=True)]
        np.testing.assert_array_equal(together, alone)


def test_gptq_is_the_published_algorithm() -> None:
    """Column by column with an explicit inverse: its row over its diagonal, then the column is struck out."""
    p = _Problem((1, 6, 25, 200))
    w, inverse = p.w[0].copy(), np.linalg.inv(damped(p.h)[0])
    wanted = np.zeros(w.shape, int)
    for column in np.argsort(-np.diagonal(p.h[0]), kind="stable"):
        wanted[:, column] = np.clip(np.rint(w[:, column] / p.scales[0]), -8, 7)
        error = (w[:, column] - wanted[:, column] * p.scales[0]) / inverse[column, column]
        w -= np.outer(error, inverse[column])
        inverse -= np.outer(inverse[column], inverse[column]) / inverse[column, column]
    np.testing.assert_array_equal(gptq(p.w, p.h, p.scales, 4)[0], wanted)


@_bits
@_shapes
def test_refining_never_makes_it_worse(shape: tuple[int, int, int, int], bits: int) -> None:
    p = _Problem(shape, bits)
    for start in (p.rounded, gptq(p.w, p.h, p.scales, bits), np.zeros_like(p.rounded)):
        before = squared_error(p.w, start, p.scales, damped(p.h))
        for sweeps in (1, 2, 10):
            refined = refine(p.w, start, p.h, p.scales, bits, sweeps=sweeps)
            after = squared_error(p.w, refined, p.scales, damped(p.h))
            assert (after <= before * (1 + 1e-12)).all()
            before = after
    low, high = integer_range(bits)
    assert low <= refined.min() <= refined.max() <= high


def test_no_single_integer_can_be_improved_after_refining() -> None:
    p = _Problem((1, 3, 10, 100), 3)
    q = refine(p.w, p.rounded, p.h, p.scales, 3, sweeps=100)
    least = squared_error(p.w, q, p.scales, damped(p.h))
    for column in range(10):
        for value in range(-3, 4):
            other = q.copy()
            other[..., column] = value
            assert (squared_error(p.w, other, p.scales, damped(p.h)) >= least * (1 - 1e-9)).all()


@pytest.mark.parametrize("per_channel", [True, False])
@_shapes
def test_refitted_scales_are_the_best_for_their_integers(shape: tuple[int, int, int, int], per_channel: bool) -> None:
    p = _Problem(shape)
    scales = choose_scales(p.w, 4, per_channel=per_channel)
    q = round_to(p.w, scales, 4)
    fitted = refit_scales(p.w, q, p.h, scales, per_channel=per_channel)
    assert fitted.dtype == np.float32
    assert (fitted > 0).all()
    assert per_channel or len(np.unique(fitted)) == 1
    least = p.error(q, fitted)
    assert least <= p.error(q, scales)
    for factor in (0.999, 1.001):
        assert p.error(q, fitted * np.float32(factor)) > least


def test_bounds_hold_for_refitted_scales() -> None:
    p = _Problem(_SHAPES["dense"], 3)
    bias = np.full(12, 1e4)
    lowest = lowest_scales(bias, 0.01, 2**20).reshape(1, 12)
    scales = np.maximum(p.scales, lowest)
    assert (scales > p.scales).any()
    _, fitted = fit(p.w, p.h, scales, 3, lowest=lowest)
    assert (fitted >= lowest).all()


@_bits
@_shapes
def test_fit_is_better_still(shape: tuple[int, int, int, int], bits: int) -> None:
    p = _Problem(shape, bits)
    q, scales = fit(p.w, p.h, p.scales, bits)
    first = squared_error(p.w, gptq(p.w, p.h, p.scales, bits), p.scales, damped(p.h)).sum()
    assert squared_error(p.w, q, scales, damped(p.h)).sum() <= first
    low, high = integer_range(bits)
    assert low <= q.min() <= q.max() <= high
    assert scales.dtype == np.float32


def test_it_holds_on_other_data() -> None:
    groups, out, size, rows = 1, 16, 60, 600
    rng = np.random.default_rng(3)
    x = layer_data.inputs(rng, groups, 2 * rows, size)
    w, h = layer_data.weights(rng, groups, out, size), layer_data.hessian(x[:, :rows])
    scales = choose_scales(w, 4)
    found = [
        layer_data.output_error(w, q, s, x[:, rows:])
        for q, s in ((round_to(w, scales, 4), scales), (gptq(w, h, scales, 4), scales), fit(w, h, scales, 4))
    ]
    assert found[2] < found[1] < 0.5 * found[0]


def test_inputs_that_are_always_zero_have_their_weights_rounded() -> None:
    p = _Problem(_SHAPES["dense"])
    dead = [0, 5, 69]
    p.x[..., dead] = 0
    h = layer_data.hessian(p.x)
    for q in (gptq(p.w, h, p.scales, 4), refine(p.w, np.zeros_like(p.rounded), h, p.scales, 4)):
        np.testing.assert_array_equal(q[..., dead], p.rounded[..., dead])


def test_without_inputs_weights_are_rounded() -> None:
    p = _Problem(_SHAPES["grouped"])
    h = np.zeros_like(p.h)
    np.testing.assert_array_equal(gptq(p.w, h, p.scales, 4), p.rounded)
    q, scales = fit(p.w, h, p.scales, 4)
    assert squared_error(p.w, q, scales).sum() <= squared_error(p.w, p.rounded, p.scales).sum()


@pytest.mark.parametrize("damping", [0.0, 0.01, 1.0])
def test_inputs_that_always_go_together(damping: float) -> None:
    p = _Problem(_SHAPES["dense"])
    p.x[..., 1:35] = p.x[..., :1]
    h = layer_data.hessian(p.x)
    q = gptq(p.w, h, p.scales, 4, damping=damping)
    assert layer_data.output_error(p.w, q, p.scales, p.x) < layer_data.output_error(p.w, p.rounded, p.scales, p.x)


def test_rows_of_zeros_stay() -> None:
    p = _Problem(_SHAPES["dense"])
    p.w[0, 3] = 0
    q, scales = fit(p.w, p.h, choose_scales(p.w, 4), 4)
    assert not q[0, 3].any()
    assert scales[0, 3] > 0


def test_arguments_are_left_alone() -> None:
    p = _Problem(_SHAPES["grouped"])
    copies = [a.copy() for a in (p.w, p.h, p.scales, p.rounded)]
    fit(p.w, p.h, p.scales, 4)
    refine(p.w, p.rounded, p.h, p.scales, 4)
    for now, before in zip((p.w, p.h, p.scales, p.rounded), copies, strict=True):
        np.testing.assert_array_equal(now, before)


def test_the_propagated_target_undoes_the_error_of_the_inputs() -> None:
    rng = np.random.default_rng(5)
    groups, out, size, rows = 2, 6, 20, 1000
    x = layer_data.inputs(rng, groups, rows, size)
    # An error that is a function of the inputs, as saturation is, and one that is not.
    off = 0.9 * np.minimum(x, 3) + rng.normal(0, 0.02, x.shape)
    w = layer_data.weights(rng, groups, out, size)
    h, cross = layer_data.hessian(off), Moment.zeros(groups, size)
    cross.add(x, off)

    def error(target: np.ndarray) -> float:
        return float(np.square(x @ np.swapaxes(w, 1, 2) - off @ np.swapaxes(target, 1, 2)).sum())

    least = np.swapaxes([np.linalg.lstsq(off[g], x[g] @ w[g].T, rcond=None)[0] for g in range(groups)], 1, 2)
    target = propagated_target(w, h, cross.total, damping=0.001)
    assert error(least) <= error(target) < 1.3 * error(least)
    assert error(target) < error(propagated_target(w, h, cross.total)) < 0.7 * error(w)


def test_the_target_of_inputs_without_error_is_the_original() -> None:
    p = _Problem(_SHAPES["one sample"])
    np.testing.assert_allclose(propagated_target(p.w, p.h, p.h), p.w)
