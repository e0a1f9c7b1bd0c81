"""Candidates for the encodings of activations, and how they are measured."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from float_graphs import FloatBuilder
from small_nets import NETS, calibration

from edgeq.ir import DType, Graph, Quant
from edgeq.quantize import choose
from edgeq.quantize.choose import Candidate, Chosen, as_encodings, candidates, measured_samples, ranked
from edgeq.quantize.demands import Demand, demands, plain_constants
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.histogram import Histogram
from edgeq.quantize.observers import Observers
from edgeq.quantize.outputs import measured_values
from edgeq.quantize.ranges import METHODS, Target, expected_error
from edgeq.quantize.ranges import choose as choose_range
from edgeq.quantize.scheme import AUTO, Rule, Scheme
from edgeq.quantize.stream import Runner, run, simulate
from edgeq.quantize.ties import Group


def _observed(graph: Graph) -> Mapping[str, Histogram]:
    observers = Observers()
    for chunk in Runner(graph).chunks(calibration(graph)):
        run(chunk, observers.watch(chunk.first, chunk.count))
    for name in plain_constants(graph):
        observers.histograms.setdefault(name, Histogram()).update(graph.constants[name])
    return observers.histograms


def _nothing() -> None:
    pass


def _sqnr(graph: Graph, candidate: Candidate) -> float:
    """Of the scores on the calibration data, but for the mean error of each."""
    right, found = [], []
    (score,) = measured_values(graph)
    for chunk in Runner(graph).chunks(calibration(graph)):
        right.append(run(chunk)[score])
        found.append(run(chunk, simulate(as_encodings(candidate.chosen)))[score])
    wanted, errors = np.concatenate(right), np.concatenate(found) - np.concatenate(right)
    axes = tuple(range(errors.ndim - 1))
    return 10 * math.log10(np.square(wanted).sum() / np.square(errors - errors.mean(axis=axes)).sum())


@pytest.mark.parametrize("net", NETS)
def test_the_best_is_not_worse_than_any(net: str) -> None:
    graph = NETS[net]()
    found = candidates(demands(graph, Scheme(), Encodings()), _observed(graph))
    assert [c.name for c in found] == ["least error per tensor", *METHODS]
    measured = ranked(Runner(graph), found, calibration(graph), _nothing)
    assert sorted(c.name for c in measured) == sorted(c.name for c in found)
    by_hand = {c.name: _sqnr(graph, c) for c in found}
    assert measured[0].sqnr == pytest.approx(max(by_hand.values()), abs=0.01)
    for candidate in measured:
        near = candidate.sqnr > measured[0].sqnr - choose._HOPELESS  # the others are measured on fewer samples
        assert not near or candidate.sqnr == pytest.approx(by_hand[candidate.name], abs=0.01)


def test_least_error_per_tensor() -> None:
    graph = NETS["classifier"]()
    histograms = _observed(graph)
    best, *others = candidates(demands(graph, Scheme(), Encodings()), histograms)
    for chosen, *rest in zip(best.chosen, *(c.chosen for c in others), strict=True):
        if chosen.method == "given":
            assert all(r == chosen for r in rest)
            continue
        assert chosen.histogram is not None
        target = Target(chosen.encoding.dtype, symmetric=chosen.encoding.dtype is DType.S16)
        plain = {m: choose_range(chosen.histogram, target, m) for m in METHODS}
        errors = {m: expected_error(chosen.histogram, encoding) for m, encoding in plain.items()}
        assert errors[chosen.method] == min(errors.values())
        wide = chosen.encoding.dtype is DType.S16
        assert chosen.encoding in [r.encoding for r in rest if wide or r.method == chosen.method]


def test_no_method_is_chosen_for_leaving_no_headroom() -> None:
    """In 16 bits clipping what was observed costs most; the four times wider range is chosen behind that."""
    histogram = Histogram()
    for size in (1, 2, 8):
        histogram.update(np.linspace(-size, size, 1000, dtype=np.float32))
    demand = Demand(Group(("x",)), None, Target(DType.S16, symmetric=True), AUTO)
    (best,) = candidates([demand], {"x": histogram})
    assert best.chosen[0].method != "moving-average"
    assert best.chosen[0].encoding.quant.scale[0] * 32767 > 3.9 * 8


@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_is_asked_for(method: str) -> None:
    graph = NETS["classifier"]()
    (found,) = candidates(demands(graph, Scheme(method=method), Encodings()), _observed(graph))
    assert {c.method for c in found.chosen} == {method, "given"}


def test_one_layer_asked_for_the_others_automatic() -> None:
    graph = NETS["classifier"]()
    scheme = Scheme(layers=(Rule("max_pool2d", {"method": "minmax"}), Rule("depthwise_conv2d", {"method": "entropy"})))
    found = candidates(demands(graph, scheme, Encodings()), _observed(graph))
    depthwise = next(node for node in graph.nodes if node.op == "depthwise_conv2d").outputs[0]
    for candidate in found:
        (chosen,) = (c for c in candidate.chosen if c.group.name == depthwise)
        assert chosen.method == "entropy"
    assert len({c.chosen[0].method for c in found}) > 2


def test_a_group_is_observed_as_one() -> None:
    """Also the constants in it; of a constant alone nothing else can come."""
    b = FloatBuilder(np.random.default_rng(0))
    x = b.input(1, 4)
    joined = b.node("concat", x, b.constant(np.full((1, 4), 9, np.float32)), axis=1)
    y = b.node("add", joined, b.constant(np.full((1, 8), -3, np.float32)))
    graph = b.graph(y)
    histograms = {name: Histogram() for name in (x, joined, y)}
    histograms[x].update(np.array([-1, 1], np.float32))
    for name in plain_constants(graph):
        histograms[name] = Histogram()
        histograms[name].update(graph.constants[name])
    (found,) = candidates(demands(graph, Scheme(method="minmax"), Encodings()), histograms)
    by_name = as_encodings(found.chosen)
    low, high = ((q - by_name[x].quant.zero_point[0]) * by_name[x].quant.scale[0] for q in (-128, 127))
    assert low == pytest.approx(-1.25, abs=0.05)
    assert high == pytest.approx(9 * 1.25, abs=0.05)
    alone = by_name[graph.nodes[1].inputs[1]]
    assert alone == choose_range(histograms[graph.nodes[1].inputs[1]], Target(), "minmax")
    assert alone.quant.scale[0] == pytest.approx(3 / 255)


def test_what_is_given_is_kept() -> None:
    group = Group(("x",))
    encoding = Encoding(DType.S8, Quant.per_tensor(0.3, 7))
    (found,) = candidates([Demand(group, encoding, Target(), AUTO)], {})
    assert found.chosen == (Chosen(group, encoding, "given"),)


def test_outputs_count_alike() -> None:
    """One of two outputs is a thousand times as large; the candidate that spoils the small one is the worse."""
    b = FloatBuilder(np.random.default_rng(0))
    x = b.input(1, 64)
    large, small = (b.node("mul", x, b.constant(np.array(f, np.float32))) for f in (1000, 1))
    graph = b.graph(large, small)

    def candidate(name: str, large_scale: float, small_scale: float) -> Candidate:
        scales = {large: large_scale, small: small_scale}
        encodings = {v: Encoding(DType.S8, Quant.per_tensor(s, 0)) for v, s in scales.items()}
        return Candidate(name, tuple(Chosen(Group((v,)), e, "given") for v, e in encodings.items()))

    even, uneven = candidate("even", 60, 0.06), candidate("uneven", 40, 0.6)
    measured = ranked(Runner(graph), [uneven, even], calibration(graph), _nothing)
    assert [c.name for c in measured] == ["even", "uneven"]


def test_a_mean_error_does_not_count() -> None:
    """Biases take it up."""
    rng = np.random.default_rng(0)
    right = rng.normal(size=(100, 5)).astype(np.float32)
    noise = choose._Noise()
    for part in np.split(right, 10):
        noise.add(part, part + np.float32([1, -2, 3, 0, 0]) + rng.normal(0, 0.01, part.shape).astype(np.float32))
    assert -10 * math.log10(noise.ratio) == pytest.approx(40, abs=1)
    few = choose._Noise()
    few.add(right[:2], right[:2] + 1)
    assert few.ratio == pytest.approx(10 / np.square(right[:2]).sum())


def test_nothing_wrong_and_nothing_there() -> None:
    zeros = np.zeros((10, 3), np.float32)
    noise = choose._Noise()
    noise.add(zeros, zeros)
    assert noise.ratio == 0
    noise.add(zeros, np.random.default_rng(0).normal(size=zeros.shape).astype(np.float32))
    assert noise.ratio == math.inf


def test_few_of_many_samples() -> None:
    graph = NETS["classifier"]()
    assert len(measured_samples(calibration(graph, 40))) == 40
    assert len(measured_samples(calibration(graph, 200))) == choose._MEASURED


def test_every_sample_is_told_of() -> None:
    graph = NETS["classifier"]()
    found = candidates(demands(graph, Scheme(), Encodings()), _observed(graph))
    steps: list[None] = []
    ranked(Runner(graph), found, calibration(graph, 37), lambda: steps.append(None))
    assert len(steps) == 37
