"""Builds a graph from a TFLite file, operator by operator.

uint8 tensors become int8 with a zero point 128 lower, which changes no real value; where an input or output of the
model is uint8, a `requantize` at the border keeps the port as it is in the file.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import flatbuffers.table
import numpy as np

from edgeq.errors import Refusal
from edgeq.evaluate import lower_node, operands
from edgeq.importers.tflite.file import Operator, Tensor, TfliteFile, reading
from edgeq.ir import DType, Graph, Node, Origin, Quant, Shape, TensorType
from edgeq.ir.graph import Array
from edgeq.ops import OPS, Lowering
from edgeq.ops.activation import Activation
from edgeq.ops.reshape import ReshapeAttrs

_Options = TypeVar("_Options")

# A flatbuffer table without fields: what an operator without options is read from, so that the schema's defaults hold.
_EMPTY_TABLE = flatbuffers.table.Table(b"\x04\x00\x04\x00\x04\x00\x00\x00", 4)

_LARGEST_VALUE = 1 << 24
"""Bytes: as much as the external memory of a large board."""

_FOLDING_BUDGET = 1 << 20
"""Elements that may be computed at import. Shape arithmetic sits far below it, decoded weights far above."""

_ACTIVATIONS = {
    0: Activation.NONE,
    1: Activation.RELU,
    2: Activation.RELU_N1_TO_1,
    3: Activation.RELU6,
}


class Builder:
    """A graph under construction. Values are named `t<tensor index>`."""

    def __init__(self, file: TfliteFile) -> None:
        self.file = file
        self.nodes: list[Node] = []
        self.types: dict[str, TensorType] = {}
        self.constants: dict[str, Array] = {}
        self.origins: dict[str, Origin] = {}
        self._values: dict[int, str] = {}
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

    def type_of(self, tensor: Tensor, shape: Shape | None = None) -> TensorType:
        """The IR type of a tensor, uint8 as int8."""
        if tensor.dtype is None:
            raise Refusal(f"tensor {tensor.name!r} is {tensor.type_name}; accepted: {', '.join(_accepted())}")
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
        if tensor.dtype is None or tensor.dynamic or 0 in tensor.shape:
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
        fits = self._folded_elements + elements <= _FOLDING_BUDGET
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


@dataclass(frozen=True)
class Converter:
    """How one TFLite operator becomes nodes of the IR.

    Attributes:
        convert: adds the nodes through an `OpContext`.
        ops: the IR ops it makes, for the table of supported operators.
        note: what is restricted, for the same table; "" where nothing is.
    """

    convert: Callable[["OpContext"], None]
    ops: tuple[str, ...]
    note: str = ""


class _CheckedOptions:
    """An options table whose every field is read under guard: its offsets may point anywhere."""

    def __init__(self, options: Any, what: str) -> None:
        self._options = options
        self._what = what

    def __getattr__(self, field: str) -> Callable[..., Any]:
        def read(*arguments: Any) -> Any:
            with reading(self._what):
                return getattr(self._options, field)(*arguments)

        return read


class OpContext:
    """What a converter sees of one operator, and how it adds nodes."""

    def __init__(self, builder: Builder, operator: Operator) -> None:
        self._builder = builder
        self.operator = operator
        self.source = source_of(builder.file, operator)

    def options(self, cls: type[_Options]) -> _Options:
        """The operator's options read as `cls` of the `tflite` package; the schema's defaults where there are none."""
        table = self.operator.options or _EMPTY_TABLE
        what = f"{self._builder.file.where}: options of {self.source}"
        options: Any = cls()
        with reading(what):
            options.Init(table.Bytes, table.Pos)
        return cast("_Options", _CheckedOptions(options, what))

    def activation(self, code: int) -> Activation:
        """A fused activation; Refusal for those that no quantized kernel has (TANH, SIGN_BIT)."""
        if code not in _ACTIVATIONS:
            raise Refusal(f"fused activation {code}; accepted: none, RELU, RELU6, RELU_N1_TO_1")
        return _ACTIVATIONS[code]

    @property
    def arity(self) -> int:
        """Number of inputs, trailing absent ones left out."""
        present = [i for i, index in enumerate(self.operator.inputs) if index >= 0]
        return present[-1] + 1 if present else 0

    def has_input(self, position: int) -> bool:
        """Whether an optional input is there."""
        return position < len(self.operator.inputs) and self.operator.inputs[position] >= 0

    def input(self, position: int) -> str:
        """The value at an input; "" where an optional one is absent."""
        if not self.has_input(position):
            return ""
        return self._builder.value(self.operator.inputs[position])

    def inputs(self) -> tuple[str, ...]:
        """All input values."""
        return tuple(self.input(i) for i in range(self.arity))

    def type(self, position: int) -> TensorType:
        """The type of an input; Refusal where it is absent."""
        value = self.input(position)
        if not value:
            raise Refusal(f"input {position} is missing")
        return self._builder.types[value]

    def type_of(self, value: str) -> TensorType:
        """The type of a value."""
        return self._builder.types[value]

    def constant(self, position: int, what: str) -> Array:
        """The content of an input that must be constant; `what` names it in the refusal."""
        value = self.input(position)
        if value not in self._builder.constants:
            raise Refusal(f"{what} is computed at run time; it must be a constant of the model")
        return self._builder.constants[value]

    def is_constant(self, position: int) -> bool:
        """Whether an input is there and constant."""
        return self.input(position) in self._builder.constants

    def integers(self, position: int, what: str) -> tuple[int, ...]:
        """A constant vector of int32 or int64 (shape, axes, paddings ...), flattened."""
        array = self.constant(position, what)
        if array.dtype not in (np.int32, np.int64):
            raise Refusal(f"{what} is {array.dtype}; accepted: int32, int64")
        return tuple(int(v) for v in array.reshape(-1))

    def output_tensor(self, position: int = 0) -> Tensor:
        """The tensor at an output; Refusal where the operator has fewer."""
        if position >= len(self.operator.outputs):
            raise Refusal(f"has {len(self.operator.outputs)} outputs; expected output {position}")
        return self._builder.file.tensors[self.operator.outputs[position]]

    def output_type(self, position: int = 0) -> TensorType:
        """The declared type of an output (its shape is checked, and may be corrected, when it is defined)."""
        return self._builder.type_of(self.output_tensor(position))

    def emit(self, op: str, inputs: Sequence[str], attrs: Any, output: int = 0) -> str:
        """Add the node that computes an output of the operator.

        The shape is what the op infers, if the file leaves it open. Otherwise it is what the file declares, which must
        have as many elements.
        """
        tensor = self.output_tensor(output)
        self._require_new(tensor)
        shape = self._infer(op, inputs, attrs)
        if not tensor.dynamic and shape != tensor.shape:
            if math.prod(shape) != math.prod(tensor.shape):
                raise Refusal(f"computes the shape {list(shape)}, the file declares {list(tensor.shape)}")
            inputs = [self.emit_hidden(op, inputs, attrs, self._builder.type_of(tensor))]
            op, attrs, shape = "reshape", ReshapeAttrs(tensor.shape), tensor.shape
        type_ = self._builder.type_of(tensor, shape)
        name = self._builder.define(tensor, type_, f"t{tensor.index}")
        self._add(op, inputs, attrs, name, type_)
        return name

    def emit_hidden(self, op: str, inputs: Sequence[str], attrs: Any, like: TensorType) -> str:
        """Add a node for a value that is no tensor of the file; it has the element type and quantization of `like`."""
        type_ = TensorType(self._infer(op, inputs, attrs), like.dtype, like.quant)
        name = self._builder.fresh(f"{self.operator.name.lower()}{self.operator.index}")
        self._add(op, inputs, attrs, name, type_)
        return name

    def add_constant(self, array: Array, type_: TensorType) -> str:
        """A constant that is not in the file."""
        name = self._builder.fresh(f"{self.operator.name.lower()}{self.operator.index}_const")
        self._builder.types[name] = type_
        self._builder.constants[name] = array
        return name

    def fold(self, array: Array, output: int = 0) -> None:
        """Let an output be this constant."""
        tensor = self.output_tensor(output)
        self._require_new(tensor)
        type_ = self._builder.type_of(tensor, array.shape)
        if array.dtype != type_.dtype.numpy:
            raise Refusal(f"computes {array.dtype}, the file declares {type_.dtype.numpy}")
        name = self._builder.define(tensor, type_, f"t{tensor.index}")
        self._builder.constants[name] = array

    def reserve(self, elements: int) -> None:
        """Refuse to compute so many elements at import that a broken file must be the reason."""
        if not self._builder.reserve(elements):
            raise Refusal(f"{elements} elements of constant arithmetic; accepted: {_FOLDING_BUDGET} in a whole model")

    def all_constant(self) -> bool:
        """Whether every input is a constant without quantization: shapes and indices, not activations."""
        return self._are_plain_constants(self.inputs())

    def _are_plain_constants(self, values: Sequence[str]) -> bool:
        """Whether all values that are there are constants without quantization."""
        return all(v in self._builder.constants and self._builder.types[v].quant is None for v in values if v)

    def _infer(self, op: str, inputs: Sequence[str], attrs: Any) -> Shape:
        types = [self._builder.types[v] if v else None for v in inputs]
        shape = OPS[op].infer(attrs, types)[0]
        if 0 in shape:
            raise Refusal(f"computes the empty shape {list(shape)}; accepted: dimensions of 1 and more")
        return shape

    def _require_new(self, tensor: Tensor) -> None:
        if tensor.data is not None or tensor.index in self._builder._values:  # noqa: SLF001 - same module
            raise Refusal(f"writes tensor {tensor.index} {tensor.name!r}, which is defined already")

    def _add(self, op: str, inputs: Sequence[str], attrs: Any, output: str, type_: TensorType) -> None:
        require_size(type_)
        node = Node(f"n{len(self._builder.nodes)}", op, tuple(inputs), (output,), attrs, self.source)
        folded = self._evaluated(node, type_)
        if folded is None:
            self._builder.add_node(node, [type_])
        else:
            self._builder.types[output] = type_
            self._builder.constants[output] = folded

    def _evaluated(self, node: Node, type_: TensorType) -> Array | None:
        """What a node makes of constants without quantization; None where it belongs into the graph."""
        if not self._are_plain_constants(node.inputs):
            return None
        types = tuple(self._builder.types[v] if v else None for v in node.inputs)
        constants = tuple(self._builder.constants.get(v) for v in node.inputs)
        try:
            params = OPS[node.op].lower(node.attrs, Lowering(types, (type_,), constants))
        except Refusal:
            return None  # refused together with all others, when the graph is lowered
        if not self._builder.reserve(type_.size):
            return None
        (result,) = OPS[node.op].eval_int(params, [self._builder.constants[v] for v in operands(node)])
        return result.astype(type_.dtype.numpy, copy=False).reshape(type_.shape)


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
