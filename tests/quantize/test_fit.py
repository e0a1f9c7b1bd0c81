"""Integers of weights and corrected biases."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_nets import NETS, NetBuilder, calibration, samples

from edgeq.evaluate import evaluate_float
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph, Quant, TensorType
from edgeq.ir.tensor import dequantize
from edgeq.quantize import fit, layer_statistics
from edgeq.quantize.absorb import absorb
from edgeq.quantize.choose import as_encodings, candidates
from edgeq.quantize.data import CalibrationData
from edgeq.quantize.demands import demands, plain_constants
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.fit import Fitted, fit_weights
from edgeq.quantize.histogram import Histogram
from edgeq.quantize.layer_statistics import statistics
from edgeq.quantize.layers import layer_of
from edgeq.quantize.observers import Observers
from edgeq.quantize.quantizer import quantize
from edgeq.quantize.scheme import Rule, Scheme
from edgeq.quantize.stream import Noise, Runner, run, simulate
from edgeq.quantize.weights import nearest


def _encodings(graph: Graph, scheme: Scheme, data: CalibrationData) -> Encodings:
    observers = Observers()
    for chunk in Runner(graph).chunks(data):
        run(chunk, observers.watch(chunk.first, chunk.count))
    for name in plain_constants(graph):
        observers.histograms.setdefault(name, Histogram()).update(graph.constants[name])
    found = candidates(demands(graph, replace(scheme, method="mse"), Encodings()), observers.histograms)
    return Encodings(as_encodings(found[0].chosen))


def _fit(graph: Graph, scheme: Scheme, count: int = 64, given: Encodings | None = None) -> Fitted:
    data = calibration(graph, count)
    encodings = _encodings(graph, scheme, data)
    if given is not None:
        encodings = replace(encodings, values={**encodings.values, **given.values}, integers=given.integers)
    return fit_weights(Runner(graph), data, encodings, scheme, lambda: None)


def _weights(fitted: Fitted) -> dict[str, Any]:
    """Weights of the layers as reals, by layer."""
    found = {}
    for node in fitted.graph.nodes:
        if layer_of(fitted.graph, node) is not None:
            integers, encoding = fitted.encodings.integers[node.inputs[1]], fitted.encodings.values[node.inputs[1]]
            assert integers.dtype == np.int8
            assert np.abs(integers.astype(int)).max() <= 127
            found[node.name] = dequantize(integers, TensorType(integers.shape, encoding.dtype, encoding.quant))
    return found


def _sqnr(graph: Graph, fitted: Fitted) -> float:
    """Of the graph's outputs, all values rounded, on samples that nobody has seen."""
    weights = _weights(fitted)
    constants = dict(fitted.graph.constants)
    constants |= {node.inputs[1]: weights[node.name] for node in fitted.graph.nodes if node.name in weights}
    rounded = fitted.graph.with_(constants=constants)
    activations = {v: e for v, e in fitted.encodings.values.items() if v not in constants and e.quant.axis is None}
    noise = Noise()
    for sample in samples(graph, 64, 1):
        right, found = evaluate_float(graph, sample), evaluate_float(rounded, sample, simulate(activations))
        for a, b in zip(graph.outputs, rounded.outputs, strict=True):
            noise.add(right[a], found[b])
    return noise.sqnr


def _deep(seed: int) -> Graph:
    """A net whose noise is that of its weights: the data hardly matter where they are wide."""
    b = NetBuilder(seed)
    x = b.conv(b.input(1, 8, 8, 3), 8)
    for _ in range(3):
        x = b.conv(b.depthwise(x), 8, size=1)
    return b.graph(b.dense(b.node("mean", x, axes=(1, 2)), 6))


def test_gptq_and_bias_correction_beat_rounding() -> None:
    """On nets that they have not seen the samples of; activations in 16 bits, so that weights are what matters."""
    plain, corrected, both = [], [], []
    for seed in range(4):
        graph = _deep(seed)
        wide = Scheme(activations="int16", weight_rounding="nearest", bias_correction=False)
        plain.append(_sqnr(graph, _fit(graph, wide)))
        corrected.append(_sqnr(graph, _fit(graph, replace(wide, bias_correction=True))))
        both.append(_sqnr(graph, _fit(graph, Scheme(activations="int16"))))
    assert np.mean(corrected) > np.mean(plain) + 1.5
    assert np.mean(both) > np.mean(corrected) + 1.5


def test_means_are_those_of_the_float_net() -> None:
    """On the samples that the biases were corrected with, each layer's sums have the mean of the float net's."""
    b = NetBuilder(0)
    x = b.conv(b.input(1, 8, 8, 3), 8)
    graph = b.graph(b.dense(b.flat(x), 6))
    scheme = Scheme(weight_rounding="nearest")
    data = calibration(graph)
    encodings = _encodings(graph, scheme, data)
    fitted = fit_weights(Runner(graph), data, encodings, scheme, lambda: None)
    weights = _weights(fitted)
    constants = dict(fitted.graph.constants)
    constants |= {node.inputs[1]: weights[node.name] for node in fitted.graph.nodes if node.name in weights}
    inner = {v: e for v, e in encodings.values.items() if v != graph.outputs[0]}
    right, found = [], []
    for sample in data:
        right.append(evaluate_float(graph, sample)[graph.outputs[0]])
        rounded = evaluate_float(fitted.graph.with_(constants=constants), sample, simulate(inner))
        found.append(rounded[fitted.graph.outputs[0]])
    np.testing.assert_allclose(np.mean(found, axis=0), np.mean(right, axis=0), atol=1e-4)


def test_a_layer_without_bias_gets_one() -> None:
    b = NetBuilder(0)
    x = b.input(1, 8)
    graph = b.graph(b.dense(b.node("relu", b.dense(x, 8, bias=False)), 4, bias=False))
    fitted = _fit(graph, Scheme())
    assert [len(node.inputs) for node in fitted.graph.nodes if node.op == "dense"] == [3, 3]
    kept = _fit(graph, Scheme(bias_correction=False))
    assert [len(node.inputs) for node in kept.graph.nodes if node.op == "dense"] == [2, 2]


@pytest.mark.parametrize("rounding", ["gptq", "nearest"])
def test_without_data_weights_are_rounded_to_nearest(rounding: str) -> None:
    graph = NETS["classifier"]()
    scheme = Scheme(weight_rounding=rounding)
    encodings = _encodings(graph, scheme, calibration(graph))
    fitted = fit_weights(Runner(graph), None, encodings, scheme, lambda: None)
    assert {layer.method for layer in fitted.layers} == {"nearest"}
    assert fitted.graph.nodes == graph.nodes
    for node in graph.nodes:
        layer = layer_of(graph, node)
        if layer is not None and rounding == "nearest":
            integers, scales = nearest(layer.matrix(graph.constants[node.inputs[1]].astype(np.float64)))
            np.testing.assert_array_equal(fitted.encodings.integers[node.inputs[1]], layer.weights(integers))
            assert fitted.encodings.values[node.inputs[1]].quant.scale == tuple(scales.reshape(-1).astype(float))


def _grouped() -> Graph:
    b = NetBuilder(5)
    x = b.input(1, 6, 6, 4)
    grouped = b.node("conv2d", x, b.scaled(18, 0, 6, 3, 3, 2), b.bias(6), groups=2, padding=(1,) * 4)
    multiplied = b.node("depthwise_conv2d", grouped, b.scaled(9, 3, 1, 3, 3, 12), b.bias(12), padding=(1,) * 4)
    up = b.node("transpose_conv2d", multiplied, b.scaled(48, 0, 5, 2, 2, 12), b.bias(5), size=(12, 12), stride=(2, 2))
    return b.graph(b.dense(b.reshape(up, 1, 720), 4))


@pytest.mark.parametrize("per_tensor", [False, True])
@pytest.mark.parametrize("rounding", ["gptq", "nearest"])
def test_layers_of_every_kind(rounding: str, per_tensor: bool) -> None:
    """Grouped, depthwise with a multiplier, transposed, dense behind a reshape: scales belong to the right channels."""
    graph = _grouped()
    fitted = _fit(graph, Scheme(activations="int16", weight_rounding=rounding, per_tensor=per_tensor))
    weights = _weights(fitted)
    assert [layer.method for layer in fitted.layers] == [rounding] * 4
    for node, layer in zip((n for n in fitted.graph.nodes if n.name in weights), fitted.layers, strict=True):
        noise = Noise()
        noise.add(graph.constants[node.inputs[1]], weights[node.name])
        assert noise.sqnr == pytest.approx(layer.sqnr, abs=0.01)
        assert noise.sqnr > (25 if per_tensor else 32)
        scales = fitted.encodings.values[node.inputs[1]].quant.scale
        assert (len(set(scales)) == 1) == per_tensor
    assert _sqnr(graph, fitted) > 30 + 3 * (rounding == "gptq")


def test_sixteen_bits_are_better() -> None:
    graph = NETS["residual"]()
    assert _sqnr(graph, _fit(graph, Scheme(activations="int16"))) > _sqnr(graph, _fit(graph, Scheme())) + 6


def test_given_integers_are_kept_and_biases_corrected() -> None:
    graph = NETS["classifier"]()
    node = graph.nodes[1]
    layer = layer_of(graph, node)
    assert layer is not None
    integers, scales = nearest(layer.matrix(graph.constants[node.inputs[1]].astype(np.float64)))
    flat = tuple(float(s) for s in scales.reshape(-1))
    encoding = Encoding(DType.S8, Quant(flat, (0,) * len(flat), layer.axis))
    chosen = layer.weights(integers)
    reals = dequantize(chosen, TensorType(chosen.shape, DType.S8, encoding.quant))
    graph = graph.with_(constants={**graph.constants, node.inputs[1]: reals})
    given = Encodings({node.inputs[1]: encoding}, {node.inputs[1]: chosen})
    fitted = _fit(graph, Scheme(), given=given)
    assert fitted.encodings.integers[node.inputs[1]] is chosen
    assert fitted.encodings.values[node.inputs[1]] == encoding
    assert [f.method for f in fitted.layers] == ["gptq", "given", "gptq", "gptq"]
    assert fitted.graph.nodes[1].inputs[2] != node.inputs[2]
    steps = np.zeros(graph.constants[node.inputs[2]].shape, np.int32)
    given = replace(given, integers={**given.integers, node.inputs[2]: steps})
    assert _fit(graph, Scheme(), given=given).graph.nodes[1].inputs[2] == node.inputs[2]


def test_rules_for_single_layers() -> None:
    graph = NETS["classifier"]()
    rules = (Rule("dense", {"weight_rounding": "nearest"}), Rule("depthwise_conv2d", {"per_tensor": True}))
    fitted = _fit(graph, Scheme(layers=rules))
    assert [f.method for f in fitted.layers] == ["gptq", "gptq", "gptq", "nearest"]
    counts = [len(set(fitted.encodings.values[n.inputs[1]].quant.scale)) for n in graph.nodes if len(n.inputs) == 3]
    assert [count == 1 for count in counts] == [False, True, False, False]


def test_large_layers_are_rounded_to_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = NETS["classifier"]()
    monkeypatch.setattr(layer_statistics, "_LARGEST", 700)
    fitted = _fit(graph, Scheme())
    assert [f.method for f in fitted.layers] == ["nearest", "gptq", "gptq", "nearest"]
    assert fitted.graph.nodes[0].inputs[2] != graph.nodes[0].inputs[2], "biases are corrected all the same"


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many samples are taken as both nets have memory for, and at least one."""
    graph = NETS["classifier"]()
    data = calibration(graph, 40)
    largest = max(t.size for t in graph.types.values())
    for elements, count in ((1 << 40, 40), (10 * 6 * largest, 10), (1, 1)):
        monkeypatch.setattr(fit, "_MEMORY", elements)
        taken = fit._enough(Runner(graph), data)
        assert taken is not None
        assert len(taken) == count


def test_values_are_forgotten_after_their_last_use(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = NETS["residual"]()
    held = []
    step = fit._Fitter._step

    def watched(self: Any, node: Any, state: Any) -> None:
        step(self, node, state)
        held.append(len(state.floats))

    monkeypatch.setattr(fit._Fitter, "_step", watched)
    _fit(graph, Scheme())
    assert max(held) <= 4


def test_every_layer_is_told_of() -> None:
    graph = NETS["classifier"]()
    steps: list[None] = []
    data = calibration(graph)
    fit_weights(Runner(graph), data, _encodings(graph, Scheme(), data), Scheme(), lambda: steps.append(None))
    assert len(steps) == 4


def test_statistics_do_not_depend_on_how_samples_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """And moments are taken over rows of all samples, if not over all rows."""
    b = NetBuilder(0)
    graph = b.graph(b.conv(b.input(1, 8, 8, 3), 4))
    layer = layer_of(graph, graph.nodes[0])
    assert layer is not None
    rng = np.random.default_rng(0)
    right, found = rng.normal(size=(2, 6, 8, 8, 3)).astype(np.float32)
    once = statistics(layer, [(right, found)], 6 * 64, moments=True)
    parts = statistics(layer, [(right[n : n + 2], found[n : n + 2]) for n in (0, 2, 4)], 6 * 64, moments=True)
    patches = next(iter(layer.patches(found)))
    assert once.moments is not None
    assert parts.moments is not None
    np.testing.assert_allclose(once.moments.hessian[0, 0], patches[0].T @ patches[0] / 384, atol=1e-5)
    float_patches = next(iter(layer.patches(right)))
    np.testing.assert_allclose(once.moments.cross[0, 0], float_patches[0].T @ patches[0] / 384, atol=1e-5)
    for a, c in ((once.floats, parts.floats), (once.rounded, parts.rounded), (once.moments.cross, parts.moments.cross)):
        np.testing.assert_allclose(a, c, atol=1e-12)
    np.testing.assert_allclose(once.rounded[0], patches.mean(axis=1), atol=1e-6)
    monkeypatch.setattr(layer_statistics, "_ROWS", 100)
    few = statistics(layer, [(right, found)], 6 * 64, moments=True)
    assert few.moments is not None
    np.testing.assert_allclose(few.moments.hessian[0, 0], patches[0, ::4].T @ patches[0, ::4] / 96, atol=1e-5)
    np.testing.assert_array_equal(few.rounded, once.rounded)
    assert statistics(layer, [(right, found)], 6 * 64, moments=False).moments is None


def test_moments_about_the_means_and_weighted() -> None:
    """About the mean, a moment is a covariance; of whole weights it is that of rows that come as often."""
    b = NetBuilder(0)
    graph = b.graph(b.conv(b.input(1, 8, 8, 3), 4))
    layer = layer_of(graph, graph.nodes[0])
    assert layer is not None
    right, found = np.random.default_rng(0).normal(1, 1, size=(2, 6, 8, 8, 3)).astype(np.float32)
    x, y = (next(iter(layer.patches(a)))[0].astype(np.float64) for a in (right, found))

    def weigh(patches: Any) -> Any:
        """How often the row counts for each of the 4 outputs."""
        return 1.0 + (patches[..., :4] > 1) * np.arange(4)

    for centered in (False, True):
        plain = statistics(layer, [(right, found)], 6 * 64, moments=True, centered=centered)
        each = statistics(layer, [(right, found)], 6 * 64, moments=True, centered=centered, weigh=weigh)
        assert plain.moments is not None
        assert each.moments is not None
        counts = weigh(x)
        for o, times in enumerate(counts.T.astype(int)):
            many_x, many_y = np.repeat(x, times, axis=0), np.repeat(y, times, axis=0)
            off_x, off_y = (m - centered * m.mean(axis=0) for m in (many_x, many_y))
            np.testing.assert_allclose(each.moments.hessian[0, o], off_y.T @ off_y / len(off_y), atol=1e-4)
            np.testing.assert_allclose(each.moments.cross[0, o], off_x.T @ off_y / len(off_y), atol=1e-4)
            np.testing.assert_allclose(each.floats[0, o], many_x.mean(axis=0), atol=1e-5)
            np.testing.assert_allclose(each.rounded[0, o], many_y.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(plain.moments.hessian, each.moments.hessian[:, :1], atol=1e-4)
        np.testing.assert_allclose(plain.moments.cross, each.moments.cross[:, :1], atol=1e-4)


def test_each_method_helps_narrow_weights() -> None:
    """On nets that they have not seen the samples of."""
    near = Scheme(activations="int16", weights="int4", edges="same", weight_rounding="nearest")
    schemes = [
        replace(near, weight_range="minmax", bias_correction=False),
        near,
        replace(near, weight_rounding="adaround", refine=False),
        replace(near, weight_rounding="gptq", propagation=False),
        replace(near, weight_rounding="gptq"),
    ]
    plain, nearest_, ada, gptq, propagated = (
        np.mean([_sqnr(graph, _fit(graph, scheme)) for graph in map(_deep, range(2))]) for scheme in schemes
    )
    assert plain + 1.5 < nearest_
    assert nearest_ + 1.5 < ada
    assert nearest_ + 1.5 < gptq < propagated


def test_a_large_bias_beside_tiny_weights() -> None:
    """As a folded batch normalization leaves them: scales are raised until the bias fits, with room for correction."""
    b = NetBuilder(0)
    x = b.input(1, 8)
    weights = b.constant(np.full((2, 8), 1e-12, np.float32))
    y = b.node("dense", x, weights, b.constant(np.array([5, -5], np.float32)))
    graph = b.graph(y)
    data = calibration(graph)
    for activations in ("int8", "int16"):
        made = quantize(graph, data, Scheme(activations=activations), Rounding.SINGLE)
        biases = [a for a in made.graph.constants.values() if a.dtype in (np.int32, np.int64)]
        assert np.abs(biases[0]).max() <= 2**30 if activations == "int8" else 2**47
        values = evaluate_float(made.graph, data[0])
        np.testing.assert_allclose(values[made.graph.outputs[0]], [[5, -5]], atol=0.05)


def test_nothing_to_absorb() -> None:
    graph = NETS["classifier"]()
    after, encodings = absorb(graph)
    assert after == graph
    assert encodings == Encodings()
