import layer_data
import numpy as np
import pytest

from edgeq.quantize.adaround import adaround
from edgeq.quantize.gptq import damped
from edgeq.quantize.weights import WeightRange, choose_scales, integer_range, round_to, squared_error

_SHAPES = {"dense": (1, 12, 40, 400), "depthwise": (20, 1, 9, 300), "grouped": (3, 5, 18, 300)}


def _problem(shape: tuple[int, int, int, int], bits: int) -> tuple[np.ndarray, ...]:
    groups, out, size, rows = shape
    rng = np.random.default_rng(0)
    x, w = layer_data.inputs(rng, groups, rows, size), layer_data.weights(rng, groups, out, size)
    return x, w, layer_data.hessian(x), choose_scales(w, bits, method=WeightRange.MSE)


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("shape", _SHAPES.values(), ids=_SHAPES)
def test_it_beats_rounding(shape: tuple[int, int, int, int], bits: int) -> None:
    x, w, h, scales = _problem(shape, bits)
    q = adaround(w, h, scales, bits)
    assert q.dtype == np.int8
    error = layer_data.output_error(w, q, scales, x)
    assert error < 0.9 * layer_data.output_error(w, round_to(w, scales, bits), scales, x)


def test_integers_are_next_to_the_weights() -> None:
    _, w, h, scales = _problem(_SHAPES["dense"], 4)
    steps = w / scales[..., None]
    low, high = integer_range(4)
    inside = (steps >= low) & (steps <= high)
    q = adaround(w, h, scales, 4)
    assert (np.abs(q - steps)[inside] < 1).all()
    np.testing.assert_array_equal(q[~inside], np.clip(np.sign(steps[~inside]) * 8, low, high))


def test_no_row_is_worse_than_rounded() -> None:
    """Also where there is no time to learn anything, or a row is nothing but zeros."""
    _, w, h, scales = _problem(_SHAPES["dense"], 4)
    w[0, 3] = 0
    nearest = squared_error(w, round_to(w, scales, 4), scales, damped(h))
    for steps in (0, 3, 50):
        assert (squared_error(w, adaround(w, h, scales, 4, steps=steps), scales, damped(h)) <= nearest).all()


def test_independent_inputs_are_rounded_to_nearest() -> None:
    """Nothing makes up for an error then."""
    _, w, _, scales = _problem(_SHAPES["dense"], 4)
    np.testing.assert_array_equal(adaround(w, np.eye(40)[None], scales, 4), round_to(w, scales, 4))


def test_one_bit_knows_no_up_and_down() -> None:
    _, w, h, scales = _problem(_SHAPES["dense"], 1)
    np.testing.assert_array_equal(adaround(w, h, scales, 1), np.where(w < 0, -1, 1))
