"""The methods as a scheme puts them together, on layers of small nets."""

from dataclasses import replace

import layer_data
import numpy as np
import pytest

from edgeq.ops.activation import Activation
from edgeq.quantize.gptq import damped, fit
from edgeq.quantize.importance import clamps, importance
from edgeq.quantize.layer_statistics import Moments
from edgeq.quantize.round_weights import Rounded, Surroundings, needs_moments, round_weights
from edgeq.quantize.scheme import Choice
from edgeq.quantize.weights import WeightRange, choose_scales, squared_error

_BITS = {"int4": 4, "int3": 3, "int2": 2, "binary": 1}
_FLOOR = np.zeros((1, 8), np.float32)
_BARE = Choice(refine=False, propagation=False)


class _Layer:
    def __init__(self, off: float = 0.0) -> None:
        rng = np.random.default_rng(3)
        self.w = layer_data.weights(rng, 1, 8, 30)
        right = layer_data.inputs(rng, 1, 600, 30)
        found = np.maximum(right + off * rng.normal(size=(30,)) * right[..., ::-1], 0)
        self.right, self.found = right[:, :300], found[:, :300]
        self.new_right, self.new_found = right[:, 300:], found[:, 300:]
        hessian = np.swapaxes(self.found, 1, 2) @ self.found / 300
        self.moments = Moments(hessian[:, None], (np.swapaxes(self.right, 1, 2) @ self.found / 300)[:, None])

    def round(self, choice: Choice, bits: int = 4, samples: int = 100) -> Rounded:
        return round_weights(self.w, self.moments, choice, bits, _FLOOR, Surroundings(samples))

    def error(self, rounded: Rounded) -> float:
        """Of the outputs on inputs that were not fitted on."""
        wanted = self.new_right @ np.swapaxes(self.w, 1, 2)
        return float(np.square(self.new_found @ np.swapaxes(rounded.reals, 1, 2) - wanted).sum())


@pytest.mark.parametrize("bits", _BITS.values(), ids=_BITS)
@pytest.mark.parametrize("per_tensor", [False, True])
def test_each_method_beats_the_one_before(bits: int, per_tensor: bool) -> None:
    layer = _Layer()
    bare = replace(_BARE, per_tensor=per_tensor)
    near = replace(bare, weight_rounding="nearest")
    plain = layer.error(layer.round(replace(near, weight_range="minmax"), bits))
    hessian = layer.error(layer.round(replace(near, weight_range="hessian"), bits))
    gptq, ada = (layer.round(replace(bare, weight_rounding=r), bits) for r in ("gptq", "adaround"))
    refined = layer.round(replace(bare, refine=True), bits)
    assert [gptq.method, ada.method] == ["gptq", "adaround"]
    assert hessian < plain
    assert layer.error(ada) <= hessian
    assert layer.error(gptq) < hessian
    assert layer.error(refined) < layer.error(gptq)
    assert (len(set(refined.scales.ravel())) == 1) == per_tensor


def test_propagation_undoes_what_arrives_wrong() -> None:
    layer = _Layer(off=0.2)
    without, with_ = (layer.error(layer.round(replace(Choice(), propagation=p))) for p in (False, True))
    assert with_ < 0.7 * without
    few = layer.error(layer.round(Choice(), samples=10))
    assert with_ < few < without


def test_rounding_to_nearest_asks_for_inputs_only_where_they_matter() -> None:
    near = Choice(weight_rounding="nearest")
    assert [needs_moments(c) for c in (near, replace(near, weight_range="hessian"), Choice())] == [False, True, True]
    layer = _Layer()
    without = round_weights(layer.w, None, replace(near, weight_range="hessian"), 4, _FLOOR)
    mse = round_weights(layer.w, None, replace(near, weight_range="mse"), 4, _FLOOR)
    np.testing.assert_array_equal(without.integers, mse.integers)
    assert round_weights(layer.w, None, Choice(), 4, _FLOOR).method == "nearest"


@pytest.mark.parametrize("choice", [Choice(), Choice(weight_rounding="adaround"), Choice(per_tensor=True)])
def test_no_scale_is_below_the_lowest(choice: Choice) -> None:
    layer = _Layer()
    floor = layer.round(choice).scales * np.float32(1.3)
    assert (round_weights(layer.w, layer.moments, choice, 4, floor).scales >= floor).all()


def test_moments_of_each_output() -> None:
    """Each row is then a layer of its own, and the same moments for all are the same as one for all."""
    layer = _Layer(off=0.1)
    each = Moments(*(np.repeat(m, 8, axis=1) for m in (layer.moments.hessian, layer.moments.cross)))
    together, alone = (round_weights(layer.w, m, Choice(), 4, _FLOOR, Surroundings(100)) for m in (layer.moments, each))
    np.testing.assert_array_equal(together.integers, alone.integers)
    np.testing.assert_allclose(together.scales, alone.scales, rtol=1e-6)


def test_of_several_starts_each_row_takes_the_best() -> None:
    layer = _Layer()
    hessian = layer.moments.hessian[:, 0]
    found = round_weights(layer.w, layer.moments, Choice(propagation=False), 4, _FLOOR)
    start = choose_scales(layer.w, 4, method=WeightRange.HESSIAN, hessian=damped(hessian))
    errors = [
        squared_error(layer.w, integers, scales, damped(hessian))
        for integers, scales in ((found.integers, found.scales), fit(layer.w, hessian, start, 4))
    ]
    assert (errors[0] <= errors[1] * (1 + 1e-9)).all()
    assert (errors[0] < 0.99 * errors[1]).any()


def test_errors_behind_a_clamp_cost_less() -> None:
    sums = np.array([-2.0, -0.1, 0.1, 5.0, 7.0])
    low, high = 0.1, 1.0
    np.testing.assert_allclose(importance(sums, Activation.RELU), [low, low, high, high, high])
    np.testing.assert_allclose(importance(sums, Activation.RELU6), [low, low, high, high, low])
    assert [clamps(a) for a in Activation] == [False, True, True, True, True]
