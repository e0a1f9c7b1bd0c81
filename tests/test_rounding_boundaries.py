"""Accumulators where an output just rounds up or down: the last bit of a multiplier decides, and TFLM is met there.

Random sums hardly ever fall on such places. Here the input is zero and the sums are biases, or sums made to measure.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import oracle
import pytest
from tflite_writer import TfliteWriter
from uint8_twin import shifted, twin

from edgeq.evaluate import evaluate
from edgeq.importers import import_model

_X_ZERO = -7


def _boundaries(x_scale: float, w_scale: float, y_scale: float) -> Any:
    """The accumulators on either side of every half step of the output."""
    halves = (np.arange(-120, 120) + 0.5) * y_scale / (x_scale * w_scale)
    return np.unique(np.round(halves[:, None] + np.arange(-2, 3))).astype(np.int32)


def _scales(rng: np.random.Generator) -> list[float]:
    """Of input, weights and output, such that a step of the output is a hundred thousand of the accumulator's."""
    x, w = rng.uniform(0.01, 0.02, 2).astype(np.float32)
    return [float(x), float(w), float(np.float32(x * w * rng.uniform(1e5, 1.2e5)))]


def _weighted(name: str, seed: int, *, per_channel: bool) -> tuple[bytes, Any]:
    """A layer of one input channel; its input is zero, so that every output channel is its bias."""
    rng = np.random.default_rng(seed)
    x_scale, w_scale, y_scale = _scales(rng)
    bias = _boundaries(x_scale, w_scale, y_scale)
    scales = np.full(len(bias) if per_channel else 1, w_scale)
    m = TfliteWriter()
    dense = name == "FULLY_CONNECTED"
    x = m.tensor((1, 1) if dense else (1, 1, 1, 1), scale=x_scale, zero_point=_X_ZERO)
    y = m.tensor((1, len(bias)) if dense else (1, 1, 1, len(bias)), scale=y_scale)
    depthwise = name == "DEPTHWISE_CONV_2D"
    shape = (len(bias), 1) if dense else (1, 1, 1, len(bias)) if depthwise else (len(bias), 1, 1, 1)
    w = m.constant(np.ones(shape, np.int8), scale=scales, axis=3 if depthwise else 0)
    inputs = [x, w, m.constant(bias, scale=np.float32(x_scale) * np.float32(w_scale))]
    if name == "TRANSPOSE_CONV":
        inputs = [m.constant(np.array([1, 1, 1, len(bias)], np.int32)), w, x, inputs[2]]
    table, options = _OPTIONS[name]
    if depthwise:
        options = options | {"depthMultiplier": len(bias)}
    m.operator(name, inputs, [y], table, **options)
    return m.build([x], [y]), np.full((1, 1) if dense else (1, 1, 1, 1), _X_ZERO, np.int8)


_STRIDES = {"strideH": 1, "strideW": 1}
_DILATIONS = {"dilationHFactor": 1, "dilationWFactor": 1}
_OPTIONS: dict[str, tuple[str, dict[str, int]]] = {
    "CONV_2D": ("Conv2DOptions", _STRIDES | _DILATIONS),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", _STRIDES | _DILATIONS),
    "FULLY_CONNECTED": ("FullyConnectedOptions", {}),
    "TRANSPOSE_CONV": ("TransposeConvOptions", _STRIDES),
}


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("name", sorted(_OPTIONS))
def test_biases_on_boundaries(name: str, per_channel: bool) -> None:
    for seed in range(10):
        model, x = _weighted(name, seed, per_channel=per_channel)
        _require_equal(model, x)


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_uint8_biases_on_boundaries(name: str) -> None:
    for seed in range(10):
        model, x = _weighted(name, seed, per_channel=False)
        _require_equal(twin(model, weight_zero=-3), shifted(x), oracle.run_litert)


def test_matrix_products_on_boundaries() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        a_scale, b_scale, y_scale = _scales(rng)
        sums = _boundaries(a_scale, b_scale, y_scale)
        terms, rest = np.divmod(np.abs(sums), 127 * 127)
        depth = int(terms.max()) + 2
        lhs = np.full((1, depth), 127, np.int8)
        lhs[0, -1] = 1
        rhs = np.where(np.arange(depth)[:, None] < terms, 127, 0)
        rhs[-2:] = np.divmod(rest, 127)
        rhs = (rhs * np.sign(sums)).astype(np.int8)
        m = TfliteWriter()
        a, b = m.tensor(lhs.shape, scale=a_scale), m.constant(rhs, scale=b_scale)
        y = m.tensor((1, len(sums)), scale=y_scale)
        m.operator("BATCH_MATMUL", [a, b], [y], "BatchMatMulOptions")
        _require_equal(m.build([a], [y]), lhs)


def _require_equal(model: bytes, x: Any, run: Callable[..., Any] = oracle.run_tflm) -> None:
    graph = import_model(model, "boundaries.tflite")
    ours = evaluate(graph, [x])[graph.outputs[0]]
    np.testing.assert_array_equal(ours.reshape(-1), run(model, [x])[0].reshape(-1))
