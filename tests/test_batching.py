"""Many samples at once give what they give one by one, or there is no graph for many."""

import time

import numpy as np
import pytest
from float_graphs import FloatBuilder, random_float_graph
from shared import MODELS, requires_shared

from edgeq.batching import rebatch
from edgeq.evaluate import evaluate_float
from edgeq.importers import import_model
from edgeq.ir import Graph


def _require_same(graph: Graph, many: Graph, count: int) -> None:
    rng = np.random.default_rng(1)
    inputs = [rng.standard_normal(many.types[v].shape).astype(np.float32) for v in graph.inputs]
    together = evaluate_float(many, inputs)
    alone = [evaluate_float(graph, [x[i : i + 1] for x in inputs]) for i in range(count)]
    for name in graph.outputs:
        wanted = np.concatenate([values[name] for values in alone])
        np.testing.assert_allclose(together[name], wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max(initial=1))


def test_random_graphs_by_samples_and_at_once() -> None:
    found = 0
    with np.errstate(all="ignore"):
        for seed in range(200):
            graph = random_float_graph(seed, 1 + seed % 8)
            many = rebatch(graph, 3)
            if many is not None:
                found += 1
                _require_same(graph, many, 3)
    assert found > 100


@pytest.mark.parametrize("step", ["transpose", "concat", "softmax", "sum", "constant"])
def test_samples_that_would_mix(step: str) -> None:
    b = FloatBuilder(np.random.default_rng(0))
    x = b.input(1, 4, 3)
    match step:
        case "transpose":
            y = b.transpose(x, (1, 0, 2))
        case "concat":
            y = b.node("concat", x, x, axis=0)
        case "softmax":
            y = b.node("softmax", b.reshape(x, 12))
        case "sum":
            y = b.node("sum", x, axes=(0, 1))
        case _:
            y = b.node("neg", b.reals(3))
    assert rebatch(b.graph(y), 4) is None


def test_an_input_of_several_samples_stays() -> None:
    b = FloatBuilder(np.random.default_rng(0))
    assert rebatch(b.graph(b.node("neg", b.input(2, 3))), 4) is None


def test_constants_beside_samples_are_repeated() -> None:
    b = FloatBuilder(np.random.default_rng(0))
    x = b.input(1, 4, 3)
    y = b.node("concat", x, b.reals(1, 2, 3), axis=1)
    rows = b.node("add", b.reshape(y, 6, 3), b.reals(6, 3))
    y = b.node("mean", b.reshape(rows, 1, 6, 3), axes=(0, 1), keep_dims=True)
    graph = b.graph(y)
    many = rebatch(graph, 5)
    assert many is not None
    _require_same(graph, many, 5)


@requires_shared
@pytest.mark.slow
def test_a_real_net_on_many_images_is_quick() -> None:
    graph = import_model((MODELS / "mlperf_vww96_float.tflite").read_bytes(), "vww.tflite")
    images = np.random.default_rng(0).random((120, 96, 96, 3), np.float32)
    start = time.perf_counter()
    many = rebatch(graph, 30)
    assert many is not None
    for first in range(0, 120, 30):
        evaluate_float(many, [images[first : first + 30]])
    assert time.perf_counter() - start < 60  # 3 s where nothing else runs
