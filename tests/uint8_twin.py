"""Makes uint8 models of int8 models: the same reals, every integer 128 higher."""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def has_twin(data: bytes) -> bool:
    """Whether a model of one operator can be uint8: int8, no scales per channel, in CONV_2D a bias for LiteRT."""
    graph = _read(data).subgraphs[0]
    operator = graph.operators[0]
    per_tensor = all(len(t.quantization.scale) == 1 for t in graph.tensors if t.type == schema.TensorType.INT8)
    wide = any(t.type == schema.TensorType.INT16 for t in graph.tensors)
    return per_tensor and not wide and (operator.builtinOptionsType != _CONV_2D or len(operator.inputs) == 3)


def twin(data: bytes, weight_zero: int) -> bytes:
    """The uint8 twin of a model; its constants have the zero point `weight_zero`, counted as int8."""
    model = _read(data)
    for tensor in model.subgraphs[0].tensors:
        if tensor.type == schema.TensorType.INT8:
            tensor.type = schema.TensorType.UINT8
            buffer = model.buffers[tensor.buffer]
            if buffer.data is not None and len(buffer.data):
                buffer.data = shifted(np.asarray(buffer.data, np.uint8).view(np.int8))
                tensor.quantization.zeroPoint = np.array([weight_zero])
            tensor.quantization.zeroPoint = tensor.quantization.zeroPoint + 128
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def shifted(array: Any) -> Any:
    """int8 as uint8."""
    return (array.astype(np.int16) + 128).astype(np.uint8)


_CONV_2D = schema.BuiltinOptions.Conv2DOptions


def _read(data: bytes) -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
