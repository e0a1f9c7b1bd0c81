"""Writes small TFLite files for tests, with the object API of the schema that LiteRT ships."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgeq.ops.packing import pack

_TYPES = {
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.uint8): schema.TensorType.UINT8,
    np.dtype(np.int16): schema.TensorType.INT16,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.int64): schema.TensorType.INT64,
    np.dtype(np.float16): schema.TensorType.FLOAT16,
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.bool_): schema.TensorType.BOOL,
}


@dataclass
class TfliteWriter:
    """A model under construction; tensors are the indices that `tensor` and `constant` return.

    m = TfliteWriter()
    x = m.tensor((1, 4, 4, 2), scale=0.5, zero_point=3)
    y = m.tensor((1, 4, 4, 2), scale=0.25, zero_point=-1)
    m.operator("ADD", [x, x], [y], "AddOptions", fusedActivationFunction=0)
    data = m.build([x], [y])
    """

    tensors: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    operators: list[Any] = field(default_factory=list)
    codes: list[Any] = field(default_factory=list)

    def tensor(
        self,
        shape: Sequence[int],
        dtype: Any = np.int8,
        *,
        scale: float | Sequence[float] | None = None,
        zero_point: int | Sequence[int] = 0,
        axis: int = 0,
        name: str | None = None,
        signature: Sequence[int] | None = None,
    ) -> int:
        tensor = schema.TensorT()
        tensor.shape = np.array(shape, np.int32)
        tensor.type = _TYPES[np.dtype(dtype)]
        tensor.name = f"tensor{len(self.tensors)}" if name is None else name
        tensor.buffer = 0
        if signature is not None:
            tensor.shapeSignature = np.array(signature, np.int32)
        if scale is not None:
            quant = schema.QuantizationParametersT()
            quant.scale = np.atleast_1d(np.array(scale, np.float32))
            zeros = np.atleast_1d(np.array(zero_point, np.int64))
            quant.zeroPoint = np.broadcast_to(zeros, quant.scale.shape).copy()
            quant.quantizedDimension = axis
            tensor.quantization = quant
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(self, array: Any, **kwargs: Any) -> int:
        array = np.asarray(array)
        index = self.tensor(array.shape, array.dtype, **kwargs)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(array.tobytes(), np.uint8)
        self.buffers.append(buffer)
        self.tensors[index].buffer = len(self.buffers) - 1
        return index

    def packed(self, array: Any, bits: int = 4, **kwargs: Any) -> int:
        """A constant of INT4 or INT2."""
        index = self.constant(pack(np.asarray(array), bits), **kwargs)
        self.tensors[index].shape = np.array(np.shape(array), np.int32)
        self.tensors[index].type = {4: schema.TensorType.INT4, 2: schema.TensorType.INT2}[bits]
        return index

    def blockwise(self, array: Any, scales: Any, size: int) -> int:
        """A constant of INT4 with a scale per block of the last dimension."""
        table = schema.BlockwiseQuantizationT()
        table.scales, table.zeroPoints, table.blockSize = self.constant(scales), -1, size
        index = self.packed(array)
        quant = schema.QuantizationParametersT()
        quant.details, quant.detailsType = table, schema.QuantizationDetails.BlockwiseQuantization
        self.tensors[index].quantization = quant
        return index

    def operator(
        self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: str | None = None, **fields: Any
    ) -> None:
        """`options` is the schema's table, e.g. "Conv2DOptions"; `fields` are its members in camelCase."""
        operator = schema.OperatorT()
        operator.opcodeIndex = self._code(name)
        operator.inputs = np.array(inputs, np.int32)
        operator.outputs = np.array(outputs, np.int32)
        if options is not None:
            table = getattr(schema, f"{options}T")()
            for key, value in fields.items():
                assert hasattr(table, key), f"{options} has no {key}"
                setattr(table, key, value)
            operator.builtinOptions = table
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
        self.operators.append(operator)

    def _code(self, name: str) -> int:
        number = getattr(schema.BuiltinOperator, name)
        for index, code in enumerate(self.codes):
            if code.builtinCode == number:
                return index
        code = schema.OperatorCodeT()
        code.builtinCode = number
        code.deprecatedBuiltinCode = min(number, 127)
        code.version = 1
        self.codes.append(code)
        return len(self.codes) - 1

    def build(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        model = schema.ModelT()
        model.version = 3
        model.subgraphs, model.buffers, model.operatorCodes = [graph], self.buffers, self.codes
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
