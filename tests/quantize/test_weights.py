import layer_data
import numpy as np
import pytest

from edgeq.errors import Refusal
from edgeq.quantize.weights import (
    WeightRange,
    choose_scales,
    integer_range,
    lowest_scales,
    nearest,
    raise_scales_for_bias,
    round_to,
    squared_error,
)

_ALL_BITS = range(2, 9)


def _weights(seed: int = 0, shape: tuple[int, int, int] = (3, 8, 50)) -> np.ndarray:
    return layer_data.weights(np.random.default_rng(seed), *shape)


@pytest.mark.parametrize("bits", _ALL_BITS)
def test_minmax_uses_the_whole_range_of_each_row(bits: int) -> None:
    w = _weights()
    q, scales = nearest(w, bits)
    assert q.dtype == np.int8
    assert scales.dtype == np.float32
    np.testing.assert_array_equal(np.abs(q.astype(int)).max(axis=-1), integer_range(bits)[1])
    assert (np.abs(w - q * scales[..., None]) <= scales[..., None] * 0.5001).all()


@pytest.mark.parametrize("method", [WeightRange.MINMAX, WeightRange.MSE])
def test_per_tensor_scales_are_all_the_same(method: WeightRange) -> None:
    q, scales = nearest(_weights(), 8, per_channel=False, method=method)
    assert len(np.unique(scales)) == 1
    assert np.abs(q.astype(int)).max() == 127


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("bits", _ALL_BITS)
def test_searched_ranges_are_no_worse_than_minmax(bits: int, per_channel: bool) -> None:
    w = _weights()
    h = layer_data.hessian(layer_data.inputs(np.random.default_rng(1), 3, 200, 50))
    for method, hessian in ((WeightRange.MSE, None), (WeightRange.HESSIAN, h)):
        errors = []
        for m in (WeightRange.MINMAX, method):
            scales = choose_scales(
                w, bits, per_channel=per_channel, method=m, hessian=hessian if m is WeightRange.HESSIAN else None
            )
            errors.append(squared_error(w, round_to(w, scales, bits), scales, hessian))
        if per_channel:
            assert (errors[1] <= errors[0]).all()
        assert errors[1].sum() <= errors[0].sum()
        if bits <= 4:
            assert errors[1].sum() < 0.9 * errors[0].sum()


def test_mse_finds_the_best_ternary_scale() -> None:
    """Half of the weights are 1 and one is 10: no scale is better than one at which the others are not lost."""
    w = np.array([[[1.0] * 400 + [0.0] * 400 + [10.0]]])
    q, scales = nearest(w, 2, method=WeightRange.MSE)
    assert 0.98 < scales[0, 0] < 1.08, "sum w q / sum q q is 410 / 401"
    assert q.sum() == 401


def test_squared_error_is_that_of_the_outputs() -> None:
    w, x = _weights(), layer_data.inputs(np.random.default_rng(1), 3, 200, 50)
    q, scales = nearest(w, 4)
    found = squared_error(w, q, scales, layer_data.hessian(x)).sum()
    np.testing.assert_allclose(found, layer_data.output_error(w, q, scales, x), rtol=1e-9)


def test_the_lowest_integer_of_few_bits_is_used() -> None:
    w = np.array([[[-2.0, -1.0, 0.0, 1.0]]])
    q, scales = nearest(w, 2, method=WeightRange.MSE)
    assert squared_error(w, q, scales).sum() < 1e-3
    assert q.min() == -2
    assert round_to(w * 200, np.ones((1, 1), np.float32)).min() == -127


@pytest.mark.parametrize("method", [WeightRange.MINMAX, WeightRange.MSE])
def test_rows_of_zeros(method: WeightRange) -> None:
    w = _weights(shape=(1, 3, 5))
    w[0, 1] = 0
    q, scales = nearest(w, method=method)
    assert not q[0, 1].any()
    assert scales[0, 1] == choose_scales(w)[0].max()
    q, scales = nearest(np.zeros((1, 2, 5)), method=method)
    assert not q.any()
    np.testing.assert_array_equal(scales, np.float32(1 / 127))


@pytest.mark.parametrize("size", [1e-300, 1e-42, 1e-30, 1e30])
def test_tiny_and_huge_weights(size: float) -> None:
    q, scales = nearest(np.array([[[size, -size / 3]]]))
    assert np.isfinite(scales).all()
    assert (scales >= np.finfo(np.float32).tiny).all()
    if size > 1e-35:
        np.testing.assert_array_equal(q, [[[127, -42]]])


def test_weights_without_a_value_are_refused() -> None:
    for bad in (np.nan, np.inf):
        with pytest.raises(Refusal, match="NaN or infinity; accepted"):
            choose_scales(np.array([[[1, bad]]]))


@pytest.mark.parametrize("bits", [-1, 0, 9, 16])
def test_other_bits_are_refused(bits: int) -> None:
    with pytest.raises(Refusal, match=f"{bits} bits; accepted: 1 to 8"):
        nearest(_weights(), bits)


def test_a_bias_raises_the_scales_that_are_too_low() -> None:
    scales = np.array([[1e-3, 1e-20, 1e-20, 1e-12]], np.float32)
    bias = np.array([3.0, -3.0, 0.0, 0.5])
    raised = raise_scales_for_bias(scales, bias, 0.02)
    assert (np.abs(bias / (0.02 * raised.astype(np.float64))) <= 2**30).all()
    np.testing.assert_array_equal(raised == scales, [[True, False, True, False]])
    same = raise_scales_for_bias(np.full((1, 4), 1e-20, np.float32), bias, 0.02, per_channel=False)
    assert len(np.unique(same)) == 1
    assert same[0, 0] == raised[0, 1]


def test_no_bias_is_above_the_bound() -> None:
    """Not even by the rounding of a scale to float32."""
    bias = np.random.default_rng(0).lognormal(0, 3, 1000)
    assert (bias / (0.02 * lowest_scales(bias, 0.02).astype(np.float64)) <= 2**30).all()


def test_wider_biases_raise_less() -> None:
    bias = np.array([1.0])
    assert lowest_scales(bias, 1e-3, 2**60) < lowest_scales(bias, 1e-3) < 2e-6
