"""Reads a TFLite flatbuffer into plain records, trusting nothing in it: every count, index and offset is checked.

Format: tensorflow/compiler/mlir/lite/schema/schema.fbs, read with the generated classes of the `tflite` package.
"""

import math
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite

from edgeq.errors import EdgeqError
from edgeq.importers.tflite.blockwise import BLOCKWISE, Blocks, blocks_of, read_blockwise
from edgeq.ir import DType, Quant, Shape
from edgeq.ir.graph import Array
from edgeq.ops.group_scales import GroupedWeights
from edgeq.ops.packing import unpack

LARGEST_TENSOR = 1 << 28
"""Bytes. Far above what any microcontroller addresses, far below what would exhaust the host."""

_LARGEST_COUNT = 20_000
"""Of tensors or operators; the largest network for microcontrollers has a few hundred."""

_MAX_RANK = 8

_UNQUANTIZED = (None, DType.F32, DType.BOOL)
"""Element types in which a scale says nothing."""

_NAMES = {v: k for k, v in vars(tflite.BuiltinOperator).items() if not k.startswith("_")}
_TYPE_NAMES = {v: k for k, v in vars(tflite.TensorType).items() if not k.startswith("_")} | {19: "INT2"}
_DTYPES = {
    "INT2": DType.S2,
    "INT4": DType.S4,
    "INT8": DType.S8,
    "UINT8": DType.U8,
    "INT16": DType.S16,
    "INT32": DType.S32,
    "INT64": DType.S64,
    "FLOAT32": DType.F32,
    "BOOL": DType.BOOL,
}
_HALF = "FLOAT16"
"""Constants of this type are read as float32, which has all their values."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of the file.

    Attributes:
        index: in the subgraph.
        name: "" where it has none.
        shape: static; -1 dimensions of the signature have the value that the file gives beside it.
        signature: the shape with -1 where it is open.
        type_name: as the schema spells it.
        dtype: None for types that edgeq does not have. float16 constants are float32 here.
        quant: None where there is no scale.
        data: the constant, None for values computed at run time. Of integers with a scale per block, their reals.
        groups: these integers, where their scales can be written as factors.
    """

    index: int
    name: str
    shape: Shape
    signature: Shape
    type_name: str
    dtype: DType | None
    quant: Quant | None
    data: Array | None
    groups: GroupedWeights | None = None

    @property
    def dynamic(self) -> bool:
        """Whether the file leaves a dimension open."""
        return -1 in self.signature


@dataclass(frozen=True)
class Operator:
    """One operator: schema name of its code, tensor indices (-1: absent), and its options table if any."""

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any


@dataclass(frozen=True)
class TfliteFile:
    """The main subgraph."""

    where: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite(data: bytes, where: str) -> TfliteFile:
    """Parse a file.

    Raises:
        EdgeqError: naming the part that is broken.
    """
    with reading(f"{where}: the header"):
        model = tflite.Model.GetRootAs(data, 0)
        subgraphs = model.SubgraphsLength()
    if subgraphs < 1:
        raise EdgeqError(f"{where}: no subgraph; a model has one at least")
    with reading(f"{where}: the main subgraph"):
        graph = model.Subgraphs(0)
        tensors = _count(where, "tensors", graph.TensorsLength(), len(data))
        operators = _count(where, "operators", graph.OperatorsLength(), len(data))
        codes = _count(where, "operator codes", model.OperatorCodesLength(), len(data))
        buffers = _count(where, "buffers", model.BuffersLength(), len(data))
    reader = _Reader(where, data, model, graph, tensors, codes, buffers)
    return TfliteFile(
        where,
        tuple(reader.tensor(i) for i in range(tensors)),
        tuple(reader.operator(i) for i in range(operators)),
        reader.indices("the inputs", graph.InputsLength, graph.InputsAsNumpy, optional=False),
        reader.indices("the outputs", graph.OutputsLength, graph.OutputsAsNumpy, optional=False),
    )


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn whatever the flatbuffer classes throw at broken offsets into one sentence about `what`."""
    try:
        yield
    except (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError) as error:
        raise EdgeqError(f"{what} points outside the file, which is cut short or damaged") from error


def _count(where: str, what: str, count: int, size: int) -> int:
    if not 0 <= count <= min(_LARGEST_COUNT, size // 4):
        raise EdgeqError(f"{where}: {count} {what} in a file of {size} bytes; accepted: up to {_LARGEST_COUNT}")
    return count


def _signature(raw: Any, shape: Shape) -> Shape:
    """The shape with -1 for what is open; all of it is where the signature has another rank."""
    signature = [] if raw.ShapeSignatureIsNone() else raw.ShapeSignatureAsNumpy()[: _MAX_RANK + 1].tolist()
    if not any(d < 0 for d in signature):
        return shape
    if len(signature) != len(shape):
        return (-1,) * max(1, len(shape))
    return tuple(-1 if d < 0 else n for d, n in zip(signature, shape, strict=True))


def _require_finite(array: Array, name: str) -> None:
    bad = ~np.isfinite(array)
    if bad.any():
        first = [int(i) for i in np.argwhere(bad)[0]]
        raise EdgeqError(f"{name} holds {int(bad.sum())} values that are no finite numbers, the first at {first}")


@dataclass(frozen=True)
class _Reader:
    where: str
    file: bytes
    model: Any
    graph: Any
    tensors: int
    codes: int
    buffers: int

    def tensor(self, index: int) -> Tensor:
        what = f"tensor {index}"
        with reading(f"{self.where}: {what}"):
            raw = self.graph.Tensors(index)
            name = (raw.Name() or b"").decode("utf-8", errors="replace")
            what = f'tensor {index} "{name}"' if name else what
        with reading(f"{self.where}: {what}"):
            type_name = _TYPE_NAMES.get(raw.Type(), f"type {raw.Type()}")
            dtype = _DTYPES.get(type_name)
            shape = self._shape(what, raw, dtype)
            data = self._data(what, raw, shape, type_name)
            if type_name == _HALF and data is not None:
                dtype = DType.F32
            blocks = self._blocks(what, raw, data, dtype) if dtype and dtype.is_narrow and data is not None else None
            if blocks is not None:
                dtype, data = DType.F32, blocks.reals
            return Tensor(
                index=index,
                name=name,
                shape=shape,
                signature=_signature(raw, shape),
                type_name=type_name,
                dtype=dtype,
                quant=self._quant(what, raw, shape, dtype),
                data=data,
                groups=blocks.groups if blocks is not None else None,
            )

    def _shape(self, what: str, raw: Any, dtype: DType | None) -> Shape:
        if raw.ShapeIsNone():
            return ()
        if raw.ShapeLength() > _MAX_RANK:
            raise EdgeqError(f"{self.where}: {what} has {raw.ShapeLength()} dimensions; accepted: up to {_MAX_RANK}")
        shape = tuple(int(d) for d in np.atleast_1d(raw.ShapeAsNumpy()))
        itemsize = dtype.bytes if dtype else 1
        if any(d < 0 for d in shape) or math.prod(shape) * itemsize > LARGEST_TENSOR:
            raise EdgeqError(
                f"{self.where}: {what} has shape {list(shape)}; accepted: positive dimensions, "
                f"up to {LARGEST_TENSOR} bytes"
            )
        return shape

    def _quant(self, what: str, raw: Any, shape: Shape, dtype: DType | None) -> Quant | None:
        table = raw.Quantization()
        if table is None or table.ScaleIsNone() or table.ScaleLength() == 0 or dtype in _UNQUANTIZED:
            return None
        scales = tuple(float(s) for s in np.atleast_1d(table.ScaleAsNumpy()))
        zeros = (0,) if table.ZeroPointIsNone() else tuple(int(z) for z in np.atleast_1d(table.ZeroPointAsNumpy()))
        if not all(math.isfinite(s) and s > 0 for s in scales):
            raise EdgeqError(
                f"{self.where}: {what} has a scale that is no positive finite number: {scales[:4]}; accepted: finite "
                "numbers above 0"
            )
        low, high = dtype.range
        if not all(low <= z <= high for z in zeros):
            raise EdgeqError(f"{self.where}: {what} has a zero point outside {low}..{high}: {zeros[:4]}")
        if len(zeros) not in (1, len(scales)):
            raise EdgeqError(f"{self.where}: {what} has {len(scales)} scales and {len(zeros)} zero points")
        if len(scales) == 1:
            return Quant(scales, zeros[:1])
        return Quant(scales, zeros * (len(scales) // len(zeros)), self._axis(what, table, shape, len(scales)))

    def _axis(self, what: str, table: Any, shape: Shape, scales: int) -> int:
        """The quantized dimension; some exporters give a bias that of its filter, which has only one meaning."""
        axis = int(table.QuantizedDimension())
        if len(shape) == 1:
            axis = 0
        if not 0 <= axis < len(shape) or shape[axis] != scales:
            raise EdgeqError(f"{self.where}: {what} of shape {list(shape)} has {scales} scales along dimension {axis}")
        return axis

    def _data(self, what: str, raw: Any, shape: Shape, type_name: str) -> Array | None:
        index = raw.Buffer()
        dtype = DType.F32 if type_name == _HALF else _DTYPES.get(type_name)
        if not 0 <= index < self.buffers:
            raise EdgeqError(f"{self.where}: {what} refers to buffer {index} of {self.buffers}")
        content = self._buffer(self.model.Buffers(index))
        if content is None or index == 0:
            # An empty list of axes or dimensions is a constant although it has no bytes.
            return np.zeros(shape, dtype.numpy) if dtype and 0 in shape else None
        if dtype is None:
            return content
        if dtype.is_narrow:
            return self._narrow(what, content, shape, dtype)
        stored = np.dtype(np.float16) if type_name == _HALF else dtype.numpy
        expected = math.prod(shape) * stored.itemsize
        if content.size != expected:
            raise EdgeqError(f"{self.where}: {what} needs {expected} bytes of data, its buffer has {content.size}")
        array = np.frombuffer(content.tobytes(), stored.newbyteorder("<")).astype(dtype.numpy).reshape(shape)
        if dtype.is_float:
            _require_finite(array, f"{self.where}: {what}")
        return array

    def _blocks(self, what: str, raw: Any, integers: Array, dtype: DType) -> Blocks | None:
        """Integers with a scale per block; None where they have none."""
        table = raw.Quantization()
        if table is None or table.DetailsType() != BLOCKWISE or table.Details() is None:
            return None
        blocks = read_blockwise(table.Details())
        if blocks.zero_points >= 0:
            raise EdgeqError(f"{self.where}: {what} has zero points per block; accepted: none, which is 0")
        if not 0 <= blocks.scales < self.tensors:
            raise EdgeqError(f"{self.where}: {what} has scales in tensor {blocks.scales} of {self.tensors}")
        type_name = _TYPE_NAMES.get(self.graph.Tensors(blocks.scales).Type(), "no type")
        scales = self.tensor(blocks.scales).data if type_name in ("FLOAT16", "FLOAT32") else None
        if scales is None:
            raise EdgeqError(f"{self.where}: {what} has scales of {type_name}; accepted: constants, FLOAT16 or FLOAT32")
        return blocks_of(f"{self.where}: {what}", integers, dtype, scales, blocks.size)

    def _narrow(self, what: str, content: Array, shape: Shape, dtype: DType) -> Array:
        """Integers of less than 8 bits as int8. The last byte may be filled in part."""
        expected = -(-math.prod(shape) * dtype.bits // 8)
        if content.size != expected:
            raise EdgeqError(
                f"{self.where}: {what} needs {expected} bytes of data for {math.prod(shape)} integers of {dtype.bits} "
                f"bits, its buffer has {content.size}"
            )
        return unpack(content, dtype.bits, math.prod(shape)).reshape(shape)

    def _buffer(self, raw: Any) -> Array | None:
        """The bytes of a buffer: inside the flatbuffer, or behind it (offset and size of large models)."""
        if not raw.DataIsNone() and raw.DataLength():
            data = np.atleast_1d(raw.DataAsNumpy())
            return np.asarray(data)
        offset, size = raw.Offset(), raw.Size()
        if offset > 1 and size:
            if offset + size > len(self.file):
                raise ValueError(f"data at {offset}, {size} bytes")
            return np.frombuffer(self.file, np.uint8, size, offset)
        return None

    def operator(self, index: int) -> Operator:
        with reading(f"{self.where}: operator {index}"):
            raw = self.graph.Operators(index)
            code_index = raw.OpcodeIndex()
            if not 0 <= code_index < self.codes:
                raise EdgeqError(f"{self.where}: operator {index} has code {code_index} of {self.codes}")
            code = self.model.OperatorCodes(code_index)
            # Old files have the code in a byte, newer ones in an int32; the larger one holds.
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            name = _NAMES.get(number, f"builtin {number}")
            if name == "CUSTOM":
                name = f"CUSTOM {(code.CustomCode() or b'').decode('utf-8', errors='replace')!r}"
            what = f"{name} #{index}"
            return Operator(
                index,
                name,
                self.indices(f"inputs of {what}", raw.InputsLength, raw.InputsAsNumpy, optional=True),
                self.indices(f"outputs of {what}", raw.OutputsLength, raw.OutputsAsNumpy, optional=False),
                raw.BuiltinOptions(),
            )

    def indices(
        self, what: str, length: Callable[[], int], values: Callable[[], Any], *, optional: bool
    ) -> tuple[int, ...]:
        """A vector of tensor indices, each within the tensors."""
        with reading(f"{self.where}: {what}"):
            _count(self.where, what, length(), len(self.file))
            found = tuple(int(i) for i in np.atleast_1d(values())) if length() else ()
        lowest = -1 if optional else 0
        if any(not lowest <= i < self.tensors for i in found):
            raise EdgeqError(f"{self.where}: {what} are {list(found[:8])}; accepted: {lowest}..{self.tensors - 1}")
        return found
