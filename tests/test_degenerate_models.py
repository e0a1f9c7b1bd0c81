"""What is unusual but right works: ranges of nothing or on one side of zero, tiny and huge reals."""

from typing import Any

import numpy as np
import pytest
from small_onnx import OnnxWriter

import edgeq
from edgeq.compiler import CompiledModel
from edgeq.evaluate import evaluate_float
from edgeq.quantize.scheme import Scheme

Array = np.ndarray[Any, Any]


def _net(offset: float = 0.0, gain: float = 1.0) -> bytes:
    """Input `x` in NCHW; a convolution with a bias of `offset`, a function, a sum, a dense layer."""
    m = OnnxWriter()
    weights = m.rng.normal(size=(4, 3, 3, 3)).astype(np.float32) * np.float32(gain)
    a = m.add("Conv", "x", m.constant(weights), m.constant(np.full(4, offset, np.float32)), pads=[1, 1, 1, 1])
    b = m.add("Add", m.add("Tanh", a), m.add("Concat", a, axis=1))
    c = m.add("Flatten", m.add("AveragePool", b, kernel_shape=[2, 2], strides=[2, 2]))
    return m.build({"x": (1, 3, 4, 4)}, [m.add("Gemm", c, m.weights(5, 16), m.weights(5), transB=1)])


def _results(model: CompiledModel, data: Array) -> tuple[Array, Array]:
    """Outputs of the C as reals, and those of the float net, a row per sample."""
    port = model.program.outputs[0].type
    (inp,) = model.program.inputs
    assert model.quantized is not None
    graph = model.quantized.reference
    found, wanted = [], []
    for image in data:
        x = image[None].transpose(0, 2, 3, 1)
        steps = np.rint(x / inp.type.scale) + inp.type.zero_point
        y = model.run(np.clip(steps, *inp.type.dtype.range).astype(inp.type.dtype.numpy))
        assert isinstance(y, np.ndarray)
        found.append((y.astype(np.float64) - port.zero_point) * port.scale)
        wanted.append(evaluate_float(graph, [x.astype(np.float32)])[graph.outputs[0]])
    return np.concatenate(found), np.concatenate(wanted)


def _noise(shape: tuple[int, ...], low: float, high: float) -> Array:
    return np.random.default_rng(0).uniform(low, high, shape).astype(np.float32)


@pytest.mark.parametrize(
    ("data", "offset", "gain"),
    [
        (_noise((8, 3, 4, 4), 3, 5), 0.0, 1.0),
        (_noise((8, 3, 4, 4), -5, -3), 0.0, 1.0),
        (_noise((8, 3, 4, 4), -1, 1), 1000.0, 1.0),
        (_noise((8, 3, 4, 4), -1, 1), -1000.0, 1.0),
        (_noise((8, 3, 4, 4), -1e-20, 1e-20), 0.0, 1.0),
        (_noise((8, 3, 4, 4), -1e-20, 1e-20), 0.5, 1.0),
        (_noise((8, 3, 4, 4), -1e18, 1e18), 0.0, 1.0),
        (_noise((8, 3, 4, 4), -1, 1), 0.0, 1e15),
        (_noise((8, 3, 4, 4), -1, 1), 0.0, 1e-15),
        (_noise((8, 3, 4, 4), -1, 1), 0.0, 0.0),
        (_noise((8, 3, 4, 4), -1, 1), 0.7, 0.0),
        (_noise((1, 3, 4, 4), -1, 1), 0.0, 1.0),
        (np.full((4, 3, 4, 4), 0.3, np.float32), 0.0, 1.0),
        (np.full((4, 3, 4, 4), -0.3, np.float32), 0.0, 1.0),
        (np.zeros((4, 3, 4, 4), np.float32), 0.0, 1.0),
        (np.zeros((4, 3, 4, 4), np.float32), 0.5, 1.0),
        (np.zeros((4, 3, 4, 4), np.float32), -0.5, 1.0),
    ],
    ids=[
        *("positive", "negative", "far above", "far below", "tiny", "tiny beside a bias", "huge", "huge weights"),
        *("tiny weights", "no weights", "only a bias", "one sample", "one value", "one negative value"),
        *("nothing", "nothing but a bias", "nothing but a negative bias"),
    ],
)
@pytest.mark.parametrize("activations", ["int8", "int16"])
def test_ranges_of_any_kind(data: Array, offset: float, gain: float, activations: str) -> None:
    model = edgeq.compile(_net(offset, gain), calibrate=data, scheme=Scheme(activations=activations))
    found, wanted = _results(model, data)
    assert np.isfinite(found).all()
    span = np.abs(wanted).max()
    tolerance = 0.05 if activations == "int8" else 0.01
    assert np.abs(found - wanted).max() <= tolerance * span + 1e-30
