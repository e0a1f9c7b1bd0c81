"""Real ONNX models compute what ONNX Runtime computes of them."""

import numpy as np
import pytest
from shared import MODELS, requires_shared

from edgeq.evaluate import evaluate_float
from edgeq.importers.onnx import import_onnx
from edgeq.ir import TensorType
from edgeq.ir.graph import Array
from edgeq.ir.tensor import dequantize
from edgeq.ops.quantize import quantize_array

_FLOAT = (
    "alibaba_ad",
    "alibaba_kws",
    "mnist8",
    "super_resolution_10",
    "tract_keras_mlp",
    "ultraface_slim320",
)
_QDQ = ("kj_kws_qdq", "kj_resnet8_qdq")


@requires_shared
@pytest.mark.parametrize("model", [*_FLOAT, *_QDQ])
def test_a_model_computes_what_onnx_runtime_computes(model: str) -> None:
    """The quantizers of a QDQ model round and saturate; halves, which may go either way, are rare."""
    runtime = pytest.importorskip("onnxruntime")
    path = MODELS / f"{model}.onnx"
    graph = import_onnx(path.read_bytes(), path.name)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    inputs = [rng.random(graph.types[v].shape, np.float32) for v in graph.inputs]
    expected = session.run(None, {port.name: x for port, x in zip(session.get_inputs(), inputs, strict=True)})
    values = evaluate_float(graph, inputs, lambda name, x: _quantized(x, graph.types[name]))
    for value, wanted in zip(graph.outputs, expected, strict=True):
        error = np.abs(values[value] - wanted).max() / np.abs(wanted).max()
        assert error < 1e-4


def _quantized(x: Array, type_: TensorType) -> Array:
    """The reals that integers of this type can stand for; floats as they are."""
    return x if type_.quant is None else dequantize(quantize_array(x, type_), type_)
