"""Builds a graph from a TFLite file, operator by operator.

uint8 tensors become int8 with a zero point 128 lower, which changes no real value; where an input or output of the
model is uint8, a `requantize` at the border keeps the port as it is in the file.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np

from edgeq.errors import Refusal
from edgeq.evaluate import lower_node
from edgeq.importers.tflite.file import Operator, Tensor, TfliteFile
from edgeq.ir import DType, Graph, Node, Origin, Quant, Shape, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.tensor import dequantize
from edgeq.ops.quantize import DequantizeAttrs

_LARGEST_VALUE = 1 << 24
"""Bytes: as much as the external memory of a large board."""

FOLDING_BUDGET = 1 << 20
"""Elements that may be computed at import. Shape arithmetic sits far below it, decoded weights far above."""


class Builder:
    """A graph under construction. Values are named `t<tensor index>`.

    Attributes:
        reshaped: an input has not the shape that the file has for it, so that no other declared shape can be relied on.
    """

    def __init__(self, file: TfliteFile) -> None:
        self.file = file
        self.reshaped = False
        self.nodes: list[Node] = []
        self.types: dict[str, TensorType] = {}
        self.constants: dict[str, Array] = {}
        self.origins: dict[str, Origin] = {}
        self._values: dict[int, str] = {}
        self._reals: dict[str, str] = {}
        self._grouped: dict[int, str] = {}
        self._folded_elements = 0

    def value(self, index: int) -> str:
        """The value of a tensor that is constant or was made by an earlier operator.

        Raises:
            Refusal: where nothing has made it yet (the operators are cyclic or out of order), or its type is unknown.
        """
        if index not in self._values:
            tensor = self.file.tensors[index]
            if tensor.data is None:
                raise Refusal(f"reads tensor {index} {tensor.name!r} before anything has computed it")
            name = self.define(tensor, self.type_of(tensor), f"t{index}")
            self.constants[name] = _to_s8(tensor.data) if _is_u8(tensor) else tensor.data
        return self._values[index]

    def has_value(self, index: int) -> bool:
        """Whether a tensor has a value already."""
        return index in self._values

    def reals(self, value: str) -> str:
        """What a quantized constant stands for, as a constant of floats; any other value as it is."""
        type_ = self.types[value]
        if value not in self.constants or type_.quant is None:
            return value
        if value not in self._reals:
            name = f"{value}_reals"
            self.types[name] = TensorType(type_.shape, DType.F32)
            self.constants[name] = _finite_reals(self.constants[value], type_)
            self.origins[name] = self.origins[value]
            self._reals[value] = name
        return self._reals[value]

    def grouped(self, index: int) -> str:
        """A constant of floats as integers behind a `dequantize` with factors; "" where it has none."""
        tensor = self.file.tensors[index]
        if tensor.groups is None:
            return ""
        if index not in self._grouped:
            name, factors, reals = (f"t{index}_{part}" for part in ("integers", "factors", "groups"))
            self.types[name] = tensor.groups.type
            self.types[factors] = TensorType(tensor.groups.factors.shape, DType.U8)
            self.constants |= {name: tensor.groups.integers, factors: tensor.groups.factors}
            self.origins[name] = Origin(tensor.name, index)
            source = f'weights "{tensor.name}"' if tensor.name else f"weights {index}"
            node = Node(f"n{len(self.nodes)}", "dequantize", (name, factors), (reals,), DequantizeAttrs(), source)
            self.add_node(node, [TensorType(tensor.shape, DType.F32)])
            self._grouped[index] = reals
        return self._grouped[index]

    def is_open(self, tensor: Tensor) -> bool:
        """Whether the shape of a computed tensor is what its operator makes, whatever the file has beside it."""
        return self.reshaped or tensor.dynamic

    def type_of(self, tensor: Tensor, shape: Shape | None = None) -> TensorType:
        """The IR type of a tensor, uint8 as int8."""
        if tensor.dtype is None:
            raise Refusal(f"tensor {tensor.name!r} is {tensor.type_name}; accepted: {', '.join(_accepted())}")
        if tensor.dtype.is_narrow and tensor.data is None:
            raise Refusal(f"tensor {tensor.name!r} is {tensor.type_name} and computed; accepted: constant weights")
        shape = tensor.shape if shape is None else shape
        if not _is_u8(tensor):
            return TensorType(shape, tensor.dtype, tensor.quant)
        assert tensor.quant is not None
        quant = Quant(tensor.quant.scale, tuple(z - 128 for z in tensor.quant.zero_point), tensor.quant.axis)
        return TensorType(shape, DType.S8, quant)

    def define(self, tensor: Tensor, type_: TensorType, name: str) -> str:
        """Let `name` be the value of a tensor from here on."""
        self._values[tensor.index] = name
        self.types[name] = type_
        self.origins[name] = Origin(tensor.name, tensor.index)
        return name

    def assume(self, index: int) -> bool:
        """Take a tensor that nothing could compute as the file declares it; whether the file says enough."""
        tensor = self.file.tensors[index]
        if index in self._values:
            return True
        if tensor.dtype is None or self.is_open(tensor) or 0 in tensor.shape:
            return False
        self.define(tensor, self.type_of(tensor), f"t{index}")
        return True

    def refusals(self) -> dict[str, str]:
        """Source and reason of each node so far that has no integer meaning; floats may yet become integers."""
        graph = self.graph("", (), ())
        reasons = {}
        for node in graph.nodes:
            types = [t for t in (*graph.input_types(node), *graph.output_types(node)) if t is not None]
            try:
                if not any(t.dtype.is_float for t in types):
                    lower_node(graph, node)
            except Refusal as error:
                reasons[node.source] = str(error)
        return reasons

    def add_node(self, node: Node, types: Sequence[TensorType]) -> None:
        """Append a node with the types of its outputs."""
        self.nodes.append(node)
        self.types.update(zip(node.outputs, types, strict=True))

    def fresh(self, stem: str) -> str:
        """A value name that is not taken."""
        number = 0
        while f"{stem}_{number}" in self.types:
            number += 1
        return f"{stem}_{number}"

    def reserve(self, elements: int) -> bool:
        """Take some of the budget for what is computed at import; whether there was enough of it."""
        fits = self._folded_elements + elements <= FOLDING_BUDGET
        self._folded_elements += elements if fits else 0
        return fits

    def graph(self, name: str, inputs: Sequence[str], outputs: Sequence[str]) -> Graph:
        """What was built, without the constants that only the converters read."""
        read = {*outputs, *(v for node in self.nodes for v in node.inputs)}
        unread = self.constants.keys() - read
        return Graph(
            name,
            tuple(inputs),
            tuple(outputs),
            tuple(self.nodes),
            {v: t for v, t in self.types.items() if v not in unread},
            {v: a for v, a in self.constants.items() if v not in unread},
            {v: o for v, o in self.origins.items() if v not in unread},
        )


def _finite_reals(array: Array, type_: TensorType) -> Array:
    """What quantized integers stand for; Refusal where that is beyond float32."""
    with np.errstate(all="ignore"):
        result = dequantize(array, type_)
    require_finite_result(result)
    return result


def require_finite_result(result: Array) -> None:
    """Refuse floats that were computed from constants and are none."""
    if result.dtype.kind == "f" and not np.isfinite(result).all():
        raise Refusal("the constant result is infinite or no number; accepted: finite numbers")


def require_size(type_: TensorType) -> None:
    """Refuse a value that no microcontroller has memory for: a broken file must be the reason."""
    if type_.bytes > _LARGEST_VALUE:
        raise Refusal(f"a value of {type_.bytes} bytes; accepted: up to {_LARGEST_VALUE}")


def source_of(file: TfliteFile, operator: Operator) -> str:
    """How messages name an operator: `CONV_2D #3 "block1/conv"`.

    Where the converter joined the names of all layers it fused by semicolons, the first tells enough.
    """
    names = [file.tensors[i].name.split(";")[0] for i in operator.outputs if file.tensors[i].name]
    return with_name(f"{operator.name} #{operator.index}", names[0] if names else "")


def with_name(place: str, name: str) -> str:
    """A place in the file with a tensor's name, if it has one, in quotes and on one line whatever it contains."""
    return f"{place} {json.dumps(name, ensure_ascii=False)}" if name else place


def _is_u8(tensor: Tensor) -> bool:
    return tensor.dtype is DType.U8 and tensor.quant is not None


def _to_s8(array: Array) -> Array:
    return (array.astype(np.int16) - 128).astype(np.int8)


def _accepted() -> Mapping[str, None]:
    return dict.fromkeys(d.value for d in DType)
