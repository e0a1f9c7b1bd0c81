"""Weights that a file has as integers reach the ops as these integers, in the ops' layout."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeq.evaluate import evaluate_float
from edgeq.importers.onnx import import_onnx

runtime = pytest.importorskip("onnxruntime")

_LAYERS = [
    ("Conv", (1, 4, 6, 5), (8, 2, 3, 3), 0, {"group": 2}),
    ("Conv", (1, 4, 6, 5), (8, 1, 3, 2), 0, {"group": 4}),
    ("Conv", (2, 3, 9), (5, 3, 3), 0, {"dilations": [2]}),
    ("ConvTranspose", (1, 4, 3, 3), (4, 3, 2, 2), 1, {"strides": [2, 2]}),
    ("ConvTranspose", (1, 4, 3, 3), (4, 3, 2, 2), 1, {"dilations": [2, 3]}),
    ("ConvTranspose", (1, 4, 3, 3), (4, 3, 2, 2), 0, {"group": 2}),
    ("ConvTranspose", (1, 4, 5), (4, 3, 2), 0, {"group": 2}),
    ("Gemm", (2, 6), (5, 6), 0, {"transB": 1}),
    ("MatMul", (2, 3, 6), (6, 4), 1, {}),
]


@pytest.mark.parametrize(("op", "shape", "weights", "axis", "attributes"), _LAYERS)
def test_integers_stay(
    op: str, shape: tuple[int, ...], weights: tuple[int, ...], axis: int, attributes: dict[str, Any]
) -> None:
    rng = np.random.default_rng(0)
    constants = {
        "q": rng.integers(-127, 128, weights, np.int8),
        "scale": rng.uniform(0.01, 0.1, weights[axis]).astype(np.float32),
        "zero": np.zeros(weights[axis], np.int8),
    }
    graph = helper.make_graph(
        [
            helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["w"], axis=axis),
            helper.make_node(op, ["x", "w"], ["y"], **attributes),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a, name) for name, a in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    imported = import_onnx(model.SerializeToString(), "model.onnx")
    x = rng.standard_normal(shape, np.float32)
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL  # its fusions round
    expected = runtime.InferenceSession(model.SerializeToString(), options).run(None, {"x": x})[0]
    np.testing.assert_allclose(evaluate_float(imported, [x])[imported.outputs[0]], expected, rtol=1e-4, atol=1e-4)
    layers = [n for n in imported.nodes if n.op in ("conv2d", "depthwise_conv2d", "transpose_conv2d", "dense")]
    assert layers
    for layer in layers:
        dequantize = imported.producers[layer.inputs[1]]
        assert dequantize.op == "dequantize"
        assert imported.types[dequantize.inputs[0]].quant is not None
        assert dequantize.inputs[0] in imported.constants
