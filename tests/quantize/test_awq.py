from dataclasses import replace

import layer_data
import numpy as np
import pytest
from small_nets import NETS, NetBuilder, calibration, output_sqnr

from edgeq.evaluate import evaluate_float
from edgeq.fixedpoint import Rounding
from edgeq.ir import Graph
from edgeq.quantize import awq as module
from edgeq.quantize.awq import Inputs, awq, awq_factors
from edgeq.quantize.quantizer import quantize
from edgeq.quantize.scheme import Choice, Scheme
from edgeq.quantize.weights import WeightRange, nearest

_INT4 = Choice(weights="int4")


def _salient(rng: np.random.Generator, groups: int, rows: int, size: int) -> np.ndarray:
    """Few channels are read ten times as strongly as the others, as in the nets that AWQ is from."""
    x = layer_data.inputs(rng, groups, rows, size)
    x[..., ::16] *= 10
    return x


def _inputs(x: np.ndarray) -> Inputs:
    """Of one column per channel."""
    magnitudes = np.abs(x)
    return Inputs(layer_data.hessian(x) / x.shape[1], magnitudes.mean(axis=1).ravel(), magnitudes.max(axis=1).ravel())


def _error(x: np.ndarray, w: np.ndarray, factors: np.ndarray) -> float:
    columns = factors.reshape(w.shape[0], 1, -1)
    q, scales = nearest(w * columns, 4, method=WeightRange.MSE)
    return float(np.square((x / columns) @ np.swapaxes(q * scales[..., None] - w * columns, 1, 2)).sum())


@pytest.mark.parametrize("shape", [(1, 12, 64, 400), (2, 5, 32, 300)], ids=["dense", "grouped"])
def test_it_beats_rounding(shape: tuple[int, int, int, int]) -> None:
    groups, out, size, rows = shape
    rng = np.random.default_rng(0)
    x, w = _salient(rng, groups, rows, size), rng.normal(size=(groups, out, size))
    factors = awq_factors(w, _inputs(x), _INT4)
    assert factors.shape == (groups * size,)
    assert _error(x, w, factors) < 0.75 * _error(x, w, np.ones(groups * size))


def test_rounded_inputs_are_counted() -> None:
    """With one scale for all channels of 8 bits, it is worth less to make some of them small."""
    rng = np.random.default_rng(0)
    x, w = _salient(rng, 1, 400, 64), rng.normal(size=(1, 12, 64))
    free, rounded = (awq_factors(w, _inputs(x), _INT4, between) for between in (None, Choice()))
    wide = awq_factors(w, _inputs(x), _INT4, Choice(activations="int16"))
    assert np.ptp(np.log(rounded)) <= np.ptp(np.log(free))
    np.testing.assert_array_equal(wide, free)


def test_channels_without_inputs() -> None:
    w = np.random.default_rng(0).normal(size=(1, 4, 6))
    nothing = Inputs(np.zeros((1, 6, 6)), np.zeros(6), np.zeros(6))
    np.testing.assert_array_equal(awq_factors(w, nothing, _INT4, Choice()), np.ones(6))
    x = np.random.default_rng(1).normal(size=(1, 50, 6))
    x[..., 2] = 0
    assert np.isfinite(awq_factors(w, _inputs(x), _INT4, Choice())).all()


def _uneven() -> Graph:
    """A convolution that makes some channels much larger, and layers with taps and groups that read them."""
    b = NetBuilder(0)
    x = b.conv(b.input(1, 6, 6, 3), 16)
    x = b.conv(x, 12)
    graph = b.graph(b.dense(b.node("mean", x, axes=(1, 2)), 4))
    first = graph.nodes[0].inputs[1]
    large = graph.constants[first] * np.where(np.arange(16) % 8 == 0, 8, 1)[:, None, None, None]
    return graph.with_(constants={**graph.constants, first: large.astype(np.float32)})


def test_outputs_stay_what_they_are() -> None:
    graph = _uneven()
    scaled, said = awq(graph, calibration(graph), Scheme(weights="int4"))
    assert said
    assert all(sentence.startswith("AWQ: channels that ") for sentence in said)
    for sample in calibration(graph, 4, 1):
        right = evaluate_float(graph, sample)[graph.outputs[0]]
        np.testing.assert_allclose(evaluate_float(scaled, sample)[scaled.outputs[0]], right, rtol=1e-4, atol=1e-4)


def test_salient_channels_are_scaled_up_where_they_are_read() -> None:
    graph = _uneven()
    scaled, _ = awq(graph, calibration(graph), Scheme(weights="int4"))
    made = [np.abs(g.constants[g.nodes[0].inputs[1]]).sum(axis=(1, 2, 3)) for g in (graph, scaled)]
    # Of one row: the rows may be scaled for the layer behind.
    read = [np.abs(g.constants[g.nodes[1].inputs[1]][0]).sum(axis=(0, 1)) for g in (graph, scaled)]
    grown = read[1] / read[0]
    assert grown[[0, 8]].min() > np.delete(grown, [0, 8]).max()
    product = grown * made[1] / made[0]
    np.testing.assert_allclose(product, product[0], rtol=1e-4)


def test_a_net_is_better_for_it() -> None:
    graph = _uneven()
    plain = Scheme(activations="int16", weights="int4", weight_rounding="nearest", bias_correction=False)
    with_, without = (
        output_sqnr(quantize(graph, calibration(graph), scheme, Rounding.SINGLE))
        for scheme in (replace(plain, awq=True), plain)
    )
    assert with_ > without


def test_what_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers that share a scale with others, that are too large, or that nothing homogeneous leads to."""
    graph = _uneven()
    data = calibration(graph)
    assert awq(graph, data, Scheme(weights="int4", per_tensor=True)) == (graph, [])
    depthwise = NETS["classifier"]()
    _, said = awq(depthwise, calibration(depthwise), Scheme(weights="int4"))
    assert not any("depthwise" in sentence for sentence in said)
    monkeypatch.setattr(module, "_LARGEST", 10)
    assert awq(graph, data, Scheme(weights="int4")) == (graph, [])
