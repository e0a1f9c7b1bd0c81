"""Makes float models of quantized models: the same reals, as float32 or, in constants, as float16 or integers."""

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_INTEGERS: dict[int, np.dtype[Any]] = {
    schema.TensorType.INT8: np.dtype(np.int8),
    schema.TensorType.UINT8: np.dtype(np.uint8),
    schema.TensorType.INT16: np.dtype(np.int16),
    schema.TensorType.INT32: np.dtype(np.int32),
    schema.TensorType.INT64: np.dtype(np.int64),
}


def read(data: bytes) -> Any:
    """The object tree of a model."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))


def write(model: Any) -> bytes:
    """The bytes of an object tree."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def twin(data: bytes, wanted: Callable[[Any], bool] = lambda _: True) -> bytes:
    """The model with float32 for every quantized tensor that is `wanted`; constants are what they stood for."""
    model = read(data)
    for tensor in model.subgraphs[0].tensors:
        if is_quantized(tensor) and wanted(tensor):
            buffer = model.buffers[tensor.buffer]
            if _has_data(buffer):
                integers = np.frombuffer(np.asarray(buffer.data, np.uint8).tobytes(), _INTEGERS[tensor.type])
                reals = dequantized(tensor, integers.reshape(tensor.shape))
                model.buffers.append(_buffer(reals))
                tensor.buffer = len(model.buffers) - 1
            tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None
    for code in model.operatorCodes:
        code.version = max(code.version, _VERSIONS.get(code.builtinCode, 1))
    return write(model)


_VERSIONS = {schema.BuiltinOperator.BROADCAST_TO: 2}
"""The first that LiteRT knows, where that is not 1."""


def largest_constant(data: bytes) -> float:
    """The largest magnitude among a float model's constants."""
    model = read(data)
    floats = [t for t in model.subgraphs[0].tensors if t.type == schema.TensorType.FLOAT32]
    contents = [model.buffers[t.buffer].data for t in floats if _has_data(model.buffers[t.buffer])]
    return max((float(np.abs(_floats(c)).max()) for c in contents), default=0.0)


def _floats(content: Any) -> Any:
    return np.frombuffer(np.asarray(content, np.uint8).tobytes(), np.float32)


def is_quantized(tensor: Any) -> bool:
    """Whether a tensor of the object tree has integers with a scale."""
    scale = None if tensor.quantization is None else tensor.quantization.scale
    return tensor.type in _INTEGERS and scale is not None and len(scale) > 0


def dequantized(tensor: Any, array: Any) -> Any:
    """The reals that integers of a tensor stand for."""
    quant = tensor.quantization
    scale, zero = np.asarray(quant.scale, np.float32), np.asarray(quant.zeroPoint, np.int64)
    if len(scale) > 1:
        along = [1] * array.ndim
        along[quant.quantizedDimension if array.ndim > 1 else 0] = -1
        scale, zero = scale.reshape(along), zero.reshape(along)
    else:
        scale, zero = scale[0], zero[0]
    return ((array.astype(np.int64) - zero) * scale).astype(np.float32)


def with_halves(data: bytes) -> bytes:
    """A float model with its constants of more than one dimension as float16, behind DEQUANTIZE."""
    model = read(data)
    graph = model.subgraphs[0]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 3
    model.operatorCodes.append(code)
    for index, tensor in enumerate(list(graph.tensors)):
        buffer = model.buffers[tensor.buffer]
        if tensor.type != schema.TensorType.FLOAT32 or not _has_data(buffer) or len(tensor.shape) < 2:
            continue
        half = schema.TensorT()
        half.shape, half.type, half.name = tensor.shape, schema.TensorType.FLOAT16, b"half"
        model.buffers.append(_buffer(_floats(buffer.data).astype(np.float16)))
        half.buffer, tensor.buffer = len(model.buffers) - 1, 0
        graph.tensors.append(half)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.inputs, operator.outputs = [len(graph.tensors) - 1], [index]
        graph.operators.insert(0, operator)
    return write(model)


def _buffer(array: Any) -> Any:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(array.tobytes(), np.uint8)
    return buffer


def _has_data(buffer: Any) -> bool:
    return buffer.data is not None and len(buffer.data) > 0
