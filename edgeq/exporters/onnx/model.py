"""An ONNX file under construction: nodes, constants, names that are not taken, the lowest opset that has it all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

from edgeq.importers.onnx.file import PRODUCER
from edgeq.ir import DType, Quant, TensorType
from edgeq.ir.graph import Array
from edgeq.ops.packing import pack
from edgeq.passes.layout.order import Layout
from edgeq.version import __version__

_OLDEST_OPSET = 13
"""With scales per channel."""

_BLOCKS_OPSET = 21
"""With scales per block."""


@dataclass(frozen=True)
class _Element:
    """How the elements of a type stand in a file.

    Attributes:
        code: of `TensorProto`.
        opset: the first one whose DequantizeLinear takes them.
        packed_bits: of an element where several share a byte, else 0.
    """

    code: int
    opset: int = _OLDEST_OPSET
    packed_bits: int = 0


# The oldest versions of onnx that edgeq works with do not have it.
_INT2 = _Element(TensorProto.INT2, 25, 2) if hasattr(TensorProto, "INT2") else _Element(TensorProto.INT8)

_ELEMENTS: Mapping[DType, _Element] = {
    DType.S8: _Element(TensorProto.INT8),
    DType.U8: _Element(TensorProto.UINT8),
    DType.S16: _Element(TensorProto.INT16, 21),
    DType.S32: _Element(TensorProto.INT32),
    DType.S64: _Element(TensorProto.INT64),
    DType.F32: _Element(TensorProto.FLOAT),
    DType.BOOL: _Element(TensorProto.BOOL),
    DType.S4: _Element(TensorProto.INT4, 21, 4),
    DType.S3: _Element(TensorProto.INT4, 21, 4),
    DType.S2: _INT2,
    DType.B1: _INT2,
}


@dataclass(frozen=True)
class Blocks:
    """Scales of blocks of a constant.

    Attributes:
        scales: of its shape but for the axis, along which there is one per block.
        axis: that blocks run along.
        size: of a block.
    """

    scales: Array
    axis: int
    size: int


@dataclass(frozen=True)
class Port:
    """An input or output of the file.

    Attributes:
        value: of the graph.
        name: of the tensor in the file.
        type: of the value.
        layout: how the file stores it.
    """

    value: str
    name: str
    type: TensorType
    layout: Layout

    @property
    def declaration(self) -> onnx.ValueInfoProto:
        """Name, element type and shape."""
        return helper.make_tensor_value_info(
            self.name, _ELEMENTS[self.type.dtype].code, self.layout.shape(self.type.shape)
        )


class ModelBuilder:
    """Collects nodes in order."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._names: set[str] = set()
        self._scales: dict[tuple[str, DType, Quant], tuple[str, str]] = {}
        self._opset = _OLDEST_OPSET

    def reserve(self, name: str) -> None:
        """Take a name, so that nothing else gets it."""
        self._names.add(name)

    def name(self, stem: str, otherwise: str = "") -> str:
        """A tensor's name that is not taken: the stem, or with what else it may be called, or with a number."""
        numbers = (f"{stem}_{number}" for number in count(1))
        choices = (stem, f"{stem}_{otherwise}") if otherwise else (stem,)
        name = next((n for n in choices if n not in self._names), None) or next(
            n for n in numbers if n not in self._names
        )
        self.reserve(name)
        return name

    def constant(self, array: Array, stem: str, dtype: DType | None = None) -> str:
        """A tensor with this content; returns its name.

        Args:
            array: the content.
            stem: of the name.
            dtype: of the elements, where NumPy has none for them.
        """
        name = self.name(stem)
        element = None if dtype is None else _ELEMENTS[dtype]
        if element is not None and element.packed_bits:
            packed = pack(array, element.packed_bits).tobytes()
            tensor = helper.make_tensor(name, element.code, array.shape, packed, raw=True)
        else:
            tensor = numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
        self._constants.append(tensor)
        return name

    def node(self, op_type: str, inputs: Sequence[str], output: str, opset: int = 0, **attributes: Any) -> str:
        """Add a node; returns its output.

        Args:
            op_type: of ONNX's own domain.
            inputs: names of tensors, "" for absent ones.
            output: a name that was taken for it.
            opset: the first one that has the operator as it is used.
            **attributes: of the operator.
        """
        self._opset = max(self._opset, opset)
        self._nodes.append(helper.make_node(op_type, inputs, [output], name=f"{output}_{op_type}", **attributes))
        return output

    def quantize(self, real: str, type_: TensorType, stem: str, output: str = "") -> str:
        """Add a QuantizeLinear; returns the integers."""
        self._require(type_)
        scale, zero = self._scale(type_, stem)
        output = output or self.name(f"{stem}_QuantizeLinear_Output")
        return self.node("QuantizeLinear", [real, scale, zero], output)

    def dequantize(self, integers: str, type_: TensorType, stem: str, output: str = "") -> str:
        """Add a DequantizeLinear; returns the reals."""
        self._require(type_)
        scale, zero = self._scale(type_, stem)
        output = output or self.name(f"{stem}_DequantizeLinear_Output")
        axis = {} if type_.quant is None or type_.quant.axis is None else {"axis": type_.quant.axis}
        return self.node("DequantizeLinear", [integers, scale, zero], output, **axis)

    def dequantize_blocks(self, integers: str, dtype: DType, blocks: Blocks, stem: str) -> str:
        """Add a DequantizeLinear with a scale per block; returns the reals."""
        opset = max(_BLOCKS_OPSET, _ELEMENTS[dtype].opset)
        scale, output = self.constant(blocks.scales, f"{stem}_scale"), self.name(f"{stem}_DequantizeLinear_Output")
        return self.node("DequantizeLinear", [integers, scale], output, opset, axis=blocks.axis, block_size=blocks.size)

    def _require(self, type_: TensorType) -> None:
        self._opset = max(self._opset, _ELEMENTS[type_.dtype].opset)

    def _scale(self, type_: TensorType, stem: str) -> tuple[str, str]:
        """Scale and zero point, scalars or one number per channel; the same for all that have this stem."""
        assert type_.quant is not None
        key = stem, type_.dtype, type_.quant
        if key not in self._scales:
            shape = () if type_.quant.axis is None else (-1,)
            scale = np.array(type_.quant.scale, np.float32).reshape(shape)
            zero = np.array(type_.quant.zero_point, type_.dtype.numpy).reshape(shape)
            self._scales[key] = (
                self.constant(scale, f"{stem}_scale"),
                self.constant(zero, f"{stem}_zero_point", type_.dtype),
            )
        return self._scales[key]

    def model(self, name: str, inputs: Sequence[Port], outputs: Sequence[Port], metadata: Mapping[str, str]) -> bytes:
        """The file."""
        graph = helper.make_graph(
            self._nodes,
            name or "model",
            [port.declaration for port in inputs],
            [port.declaration for port in outputs],
            self._constants,
        )
        opsets = [helper.make_opsetid("", self._opset)]
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=helper.find_min_ir_version_for(opsets),
            producer_name=PRODUCER,
            producer_version=__version__,
        )
        helper.set_model_props(model, dict(metadata))
        whole = shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        return bytes(whole.SerializeToString(deterministic=True))
