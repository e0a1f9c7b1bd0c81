import layer_data
import numpy as np

from edgeq.quantize.bias_correction import Mean, corrected_bias, mean_outputs
from edgeq.quantize.weights import nearest


def test_means_add_up() -> None:
    x = np.random.default_rng(0).normal(2, 1, (3, 50, 7)).astype(np.float32)
    one, parts, others = Mean.zeros(3, 7), Mean.zeros(3, 7), Mean.zeros(3, 7)
    one.add(x)
    for start in range(0, 50, 8):
        (parts if start < 20 else others).add(x[:, start : start + 8])
    parts.merge(others)
    for mean in (one, parts):
        assert mean.rows == 50
        np.testing.assert_allclose(mean.value, x.astype(np.float64).mean(axis=1))
    assert not Mean.zeros(4).value.any()


def test_no_mean_error_is_left() -> None:
    """With rounded weights, and inputs that are off themselves."""
    rng = np.random.default_rng(1)
    x = layer_data.inputs(rng, 1, 400, 30)
    w, bias = layer_data.weights(rng, 1, 8, 30), rng.normal(size=8)
    q, scales = nearest(w, 3)
    rounded, off = q * scales[..., None], np.minimum(x, 2)
    wanted, found = Mean.zeros(8), Mean.zeros(8)
    for start in range(0, 400, 64):
        wanted.add(x[0, start : start + 64] @ w[0].T + bias)
        found.add(off[0, start : start + 64] @ rounded[0].T + bias)
    assert np.abs(wanted.value - found.value).max() > 0.1
    corrected = corrected_bias(bias, wanted.value, found.value)
    left = (x[0] @ w[0].T + bias) - (off[0] @ rounded[0].T + corrected)
    np.testing.assert_allclose(left.mean(axis=0), 0, atol=1e-9)
    assert np.square(left).sum() < np.square(left + corrected - bias).sum()


def test_mean_inputs_tell_as_much_as_mean_outputs() -> None:
    rng = np.random.default_rng(2)
    x, w = layer_data.inputs(rng, 4, 100, 9), layer_data.weights(rng, 4, 2, 9)
    q, scales = nearest(w, 4)
    inputs = Mean.zeros(4, 9)
    inputs.add(x)
    for matrix in (w, q * scales[..., None]):
        outputs = np.moveaxis(x @ np.swapaxes(matrix, 1, 2), 0, 1).reshape(100, 8)
        np.testing.assert_allclose(mean_outputs(matrix, inputs.value), outputs.mean(axis=0), rtol=1e-5)


def test_a_bias_per_position_is_corrected_everywhere() -> None:
    bias = np.arange(12.0).reshape(2, 3, 2)
    corrected = corrected_bias(bias, np.array([1.0, 2.0]), np.zeros(2))
    np.testing.assert_array_equal(corrected - bias, np.broadcast_to([1.0, 2.0], bias.shape))
