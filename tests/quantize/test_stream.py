"""Float graphs over many samples: at once or one by one, rounded or not."""

import math

import numpy as np
import pytest
from float_graphs import CONTINUOUS, FloatBuilder, random_float_graph

from edgeq.evaluate import evaluate_float
from edgeq.ir import DType, Graph, Quant, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.tensor import dequantize
from edgeq.ops.quantize import quantize_array
from edgeq.quantize import stream
from edgeq.quantize.columns import Port
from edgeq.quantize.data import CalibrationData, load_calibration
from edgeq.quantize.encoding import Encoding
from edgeq.quantize.stream import Noise, Runner, fake_quantize, run, simulate


def _data(graph: Graph, count: int) -> CalibrationData:
    rng = np.random.default_rng(0)
    arrays = {v: rng.normal(size=(count, *graph.types[v].shape)).astype(np.float32) for v in graph.inputs}
    return load_calibration(arrays, [Port(v, graph.types[v].shape) for v in graph.inputs])


@pytest.mark.parametrize("seed", range(25))
def test_many_samples_are_as_one_by_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_LARGEST_BATCH", 4)
    graph = random_float_graph(seed, 5, CONTINUOUS)
    data = _data(graph, 10)
    runner = Runner(graph)
    together: dict[str, list[Array]] = {v: [] for v in graph.outputs}
    counts = []
    for chunk in runner.chunks(data):
        counts.append(chunk.count)
        assert chunk.first == sum(counts[:-1])
        values = run(chunk)
        for value, parts in together.items():
            parts.append(values[value].reshape(chunk.count, -1))
    assert sum(counts) == 10
    assert counts in ([4, 4, 1, 1], [1] * 10)
    for value, parts in together.items():
        alone = [evaluate_float(graph, sample)[value].reshape(1, -1) for sample in data]
        np.testing.assert_allclose(np.concatenate(parts), np.concatenate(alone), rtol=1e-4, atol=1e-4)


def test_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    b = FloatBuilder(np.random.default_rng(0))
    graph = b.graph(b.node("relu", b.input(1, 100)))
    assert Runner(graph).batch == 32
    monkeypatch.setattr(stream, "_BATCH_ELEMENTS", 350)
    assert Runner(graph).batch == 3
    monkeypatch.setattr(stream, "_BATCH_ELEMENTS", 50)
    runner = Runner(graph)
    assert [chunk.count for chunk in runner.chunks(_data(graph, 3))] == [1, 1, 1]


@pytest.mark.parametrize("dtype", [DType.S8, DType.S16])
@pytest.mark.parametrize("zero", [0, -128, 37])
def test_fake_quantization_is_quantization(dtype: DType, zero: int) -> None:
    """But for reals in the middle between two integers."""
    encoding = Encoding(dtype, Quant.per_tensor(0.037, zero if dtype is DType.S8 else 0))
    reals = np.random.default_rng(0).uniform(-2000, 2000, 5000).astype(np.float32)
    reals[:2000] /= 300
    type_ = TensorType(reals.shape, dtype, encoding.quant)
    found = fake_quantize(reals, encoding)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, dequantize(quantize_array(reals, type_), type_))


def test_infinity_saturates() -> None:
    encoding = Encoding(DType.S8, Quant.per_tensor(1e-30, 0))
    found = fake_quantize(np.array([1e30, -1e30, np.inf], np.float32), encoding)
    np.testing.assert_allclose(found, [127e-30, -128e-30, 127e-30], rtol=1e-6)


def test_simulation_rounds_what_has_an_encoding() -> None:
    encoding = Encoding(DType.S8, Quant.per_tensor(0.5, 0))
    through = simulate({"x": encoding})
    array = np.array([0.3, 0.7], np.float32)
    np.testing.assert_array_equal(through("x", array), [0.5, 0.5])
    assert through("y", array) is array


def test_noise() -> None:
    right = np.array([3.0, 4.0], np.float32)
    noise = Noise()
    assert noise.sqnr == math.inf
    noise.add(right, right)
    assert noise.sqnr == math.inf
    noise.add(right, right + np.array([0.3, 0.4], np.float32))
    assert noise.sqnr == pytest.approx(10 * math.log10(50 / 0.25))
    silent = Noise()
    silent.add(np.zeros(2, np.float32), np.ones(2, np.float32))
    assert silent.sqnr == -math.inf
