"""Builds a graph from an ONNX file, node by node.

An ONNX value is a constant, as a NumPy array of any type, or a value of the graph. Constants become constants of the
graph where a node reads them at run time. Floats of other widths become float32.

ONNX orders dimensions batch, channels, height, width; ops of the graph have the channels last. A converter puts a
transpose on either side of such an op; the passes cancel most of them (`edgeq.passes.layout`).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper

from edgeq.errors import Refusal
from edgeq.importers.onnx.file import OnnxFile, read_tensor
from edgeq.ir import DType, Graph, Node, Origin, Quant, Shape, TensorType
from edgeq.ir.graph import Array
from edgeq.ops import OPS
from edgeq.ops.group_scales import reals_of_groups
from edgeq.ops.quantize import DequantizeAttrs
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.ops.transpose import TransposeAttrs

_LARGEST_VALUE = 1 << 26
"""Bytes of a run-time value, as float32: beyond the external memory of the largest boards."""

_ELEMENTS: dict[int, DType] = {
    TensorProto.FLOAT: DType.F32,
    TensorProto.FLOAT16: DType.F32,
    TensorProto.BFLOAT16: DType.F32,
    TensorProto.DOUBLE: DType.F32,
    TensorProto.INT8: DType.S8,
    TensorProto.UINT8: DType.U8,
    TensorProto.INT16: DType.S16,
    TensorProto.INT32: DType.S32,
    TensorProto.INT64: DType.S64,
    TensorProto.BOOL: DType.BOOL,
}


def element_type(elem_type: int) -> DType:
    """The element type of the graph for one of ONNX."""
    if elem_type not in _ELEMENTS:
        name = TensorProto.DataType.Name(elem_type) if elem_type in TensorProto.DataType.values() else str(elem_type)
        raise Refusal(f"elements of type {name}; accepted: {', '.join(map(TensorProto.DataType.Name, _ELEMENTS))}")
    return _ELEMENTS[elem_type]


class Builder:
    """A graph under construction, and what each ONNX name stands for."""

    def __init__(self, file: OnnxFile, converters: Mapping[str, "Converter"]) -> None:
        self.file = file
        self.converters = converters
        self.nodes: list[Node] = []
        self.types: dict[str, TensorType] = {}
        self.constants: dict[str, Array] = {}
        self.origins: dict[str, Origin] = {}
        self.arrays: dict[str, Array] = dict(file.constants)
        self.values: dict[str, str] = {}
        self.symbols: dict[str, Symbol] = {}
        self._numbers: dict[str, int] = {}
        self.unknown: set[str] = set()  # names that only a refused node would define
        self._produced: dict[str, Node] = {}

    def is_defined(self, name: str) -> bool:
        """Whether an ONNX name stands for something yet."""
        return name in self.arrays or name in self.values or name in self.symbols

    def bind(self, name: str, value: str) -> None:
        """Let an ONNX name stand for a value of the graph."""
        self._require_new(name)
        self.values[name] = value
        self.origins.setdefault(value, Origin(name, len(self.arrays) + len(self.values)))

    def bind_constant(self, name: str, array: Array) -> None:
        """Let an ONNX name stand for a constant."""
        self._require_new(name)
        self.arrays[name] = array

    def bind_symbol(self, name: str, symbol: "Symbol") -> None:
        """Let an ONNX name stand for what has no value yet."""
        self._require_new(name)
        self.symbols[name] = symbol

    def alias(self, name: str, other: str) -> None:
        """Let an ONNX name stand for what another one stands for."""
        if other in self.arrays:
            self.bind_constant(name, self.arrays[other])
        elif other in self.symbols:
            self.bind_symbol(name, self.symbols[other])
        else:
            self.bind(name, self.value(other))

    def _require_new(self, name: str) -> None:
        if self.is_defined(name):
            raise Refusal(f"defines {name!r}, which is defined already")

    def value(self, name: str) -> str:
        """The graph's value for an ONNX name; a constant becomes one of the graph."""
        if name in self.symbols and name not in self.values:
            self.values[name] = self.symbols[name].value()
        elif name not in self.values:
            if name not in self.arrays:
                raise Refusal(f"reads {name!r}, which nothing before it defines")
            self.values[name] = self.add_constant(self.arrays[name], name)
            self.origins[self.values[name]] = Origin(name, len(self.arrays) + len(self.values))
        return self.values[name]

    def add_constant(self, array: Array, stem: str, quant: Quant | None = None, dtype: DType | None = None) -> str:
        """A constant of the graph with this content, floats as float32; `dtype` says which integers int8 holds."""
        array = np.ascontiguousarray(array).reshape(array.shape)
        if array.dtype.kind == "f" or array.dtype.name == "bfloat16":
            array = array.astype(np.float32)
        elif array.dtype in (np.uint16, np.uint32, np.uint64):
            array = array.astype(np.int64)
        try:
            dtype = dtype or DType.of(array.dtype)
        except KeyError as error:
            raise Refusal(f"constant {stem!r} of {array.dtype}; accepted: floats, integers of 8 to 64 bits") from error
        name = self.fresh(stem)
        self.types[name] = TensorType(array.shape, dtype, quant)
        self.constants[name] = array
        return name

    def fresh(self, stem: str) -> str:
        """A value name like `stem` that is not taken, without what the text form of graphs cannot hold."""
        stem = "".join(c if c.isalnum() or c in "_./:" else "_" for c in stem) or "value"
        if stem not in self.types:
            return stem
        number = self._numbers.get(stem, 0) + 1
        while f"{stem}.{number}" in self.types:
            number += 1
        self._numbers[stem] = number
        return f"{stem}.{number}"

    def add_node(
        self, op: str, inputs: Sequence[str], attrs: Any, source: str, dtype: DType, quant: Quant | None
    ) -> str:
        """Append a node with one output; its shape is inferred."""
        types = [self.types[v] if v else None for v in inputs]
        shape = OPS[op].infer(attrs, types)[0]
        if 0 in shape:
            raise Refusal(f"computes the empty shape {list(shape)}; accepted: dimensions of 1 and more")
        type_ = TensorType(shape, dtype, quant)
        if type_.bytes > _LARGEST_VALUE:
            raise Refusal(f"a value of {type_.bytes} bytes; accepted: up to {_LARGEST_VALUE}")
        name = self.fresh(f"{op}_{len(self.nodes)}")
        node = Node(f"n{len(self.nodes)}", op, tuple(inputs), (name,), attrs, source)
        self.nodes.append(node)
        self.types[name] = type_
        self._produced[name] = node
        return name

    def producer(self, value: str) -> Node | None:
        """The node that makes a value."""
        return self._produced.get(value)

    def graph(self, name: str, inputs: Sequence[str], outputs: Sequence[str]) -> Graph:
        """What was built, without constants that nothing reads."""
        read = {*outputs, *(v for node in self.nodes for v in node.inputs)}
        unread = self.constants.keys() - read
        return Graph(
            name,
            tuple(inputs),
            tuple(outputs),
            tuple(self.nodes),
            {v: t for v, t in self.types.items() if v not in unread},
            {v: a for v, a in self.constants.items() if v not in unread},
            {v: o for v, o in self.origins.items() if v not in unread and v in self.types},
        )


@dataclass(frozen=True)
class Converter:
    """How one ONNX operator becomes nodes of the IR.

    Attributes:
        convert: adds the nodes through an `OpContext` and binds every output.
        ops: the IR ops it makes, for the table of supported operators.
        note: what is restricted, for the same table; "" where nothing is.
    """

    convert: Callable[["OpContext"], None]
    ops: tuple[str, ...]
    note: str = ""


class Symbol(Protocol):
    """What an ONNX name stands for where it is no value until the nodes that read it are known."""

    def convert(self, op: "OpContext") -> bool:
        """Convert a node that reads it and bind its outputs; whether that was done."""

    def value(self) -> str:
        """The value, for nodes that it does not convert; Refusal where it has none."""


class OpContext:
    """What a converter sees of one node, and how it adds nodes to the graph.

    `input(i)` is a value of the graph; `constant(i)` is the content of a constant. Results are bound with `output`
    (a value) or `fold` (a constant).
    """

    def __init__(self, builder: Builder, node: onnx.NodeProto, source: str) -> None:
        self.builder = builder
        self.node = node
        self.source = source
        self.version = builder.file.opsets.get("" if node.domain == "ai.onnx" else node.domain, 1)
        self._attributes = {a.name: a for a in node.attribute}

    # Inputs

    @property
    def arity(self) -> int:
        """Number of inputs, trailing absent ones left out."""
        present = [i for i, name in enumerate(self.node.input) if name]
        return present[-1] + 1 if present else 0

    def has(self, position: int) -> bool:
        """Whether an input is there."""
        return position < len(self.node.input) and self.node.input[position] != ""

    def input(self, position: int) -> str:
        """The value at an input; "" where an optional one is absent."""
        return self.builder.value(self.node.input[position]) if self.has(position) else ""

    def required(self, position: int) -> str:
        """The value at an input that must be there."""
        if not self.has(position):
            raise Refusal(f"input {position} is missing")
        return self.input(position)

    def inputs(self) -> tuple[str, ...]:
        """The values of all inputs."""
        return tuple(self.input(i) for i in range(self.arity))

    def type(self, position: int) -> TensorType:
        """The type of an input that must be there."""
        return self.builder.types[self.required(position)]

    def type_of(self, value: str) -> TensorType:
        """The type of a value."""
        return self.builder.types[value]

    def shape(self, position: int) -> Shape:
        """The shape of an input, constant or not."""
        name = self.node.input[position] if self.has(position) else ""
        return self.builder.arrays[name].shape if name in self.builder.arrays else self.type(position).shape

    def is_constant(self, position: int) -> bool:
        """Whether an input is there and constant."""
        return self.has(position) and self.node.input[position] in self.builder.arrays

    def constant(self, position: int, what: str) -> Array:
        """The content of an input that must be constant, in the file's own type; `what` names it in the refusal."""
        if not self.has(position):
            raise Refusal(f"{what} is missing")
        if not self.is_constant(position):
            raise Refusal(f"{what} is computed at run time; it must be a constant of the model")
        return self.builder.arrays[self.node.input[position]]

    def integers(self, position: int, what: str) -> tuple[int, ...]:
        """A constant vector of integers (shape, axes, pads ...), flattened."""
        array = self.constant(position, what)
        if array.dtype.kind not in "iu":
            raise Refusal(f"{what} is {array.dtype}; accepted: integers")
        return tuple(int(v) for v in array.reshape(-1))

    def scalar(self, position: int, what: str) -> float:
        """A constant of one number."""
        array = self.constant(position, what)
        if array.size != 1:
            raise Refusal(f"{what} has {array.size} elements; accepted: one")
        return float(array.reshape(()))

    # Attributes

    def has_attribute(self, name: str) -> bool:
        """Whether the node has this attribute."""
        return name in self._attributes

    def int_attr(self, name: str, default: int | None = None) -> int:
        """An integer attribute; Refusal where it is missing and has no default, or is none."""
        return int(self._attribute(name, AttributeProto.INT, default))

    def float_attr(self, name: str, default: float | None = None) -> float:
        """A float attribute."""
        return float(self._attribute(name, AttributeProto.FLOAT, default))

    def string_attr(self, name: str, default: str | None = None) -> str:
        """A string attribute."""
        value = self._attribute(name, AttributeProto.STRING, default)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    def ints_attr(self, name: str, default: Sequence[int] | None = None) -> tuple[int, ...]:
        """An attribute of several integers."""
        return tuple(int(v) for v in self._attribute(name, AttributeProto.INTS, default))

    def floats_attr(self, name: str, default: Sequence[float] | None = None) -> tuple[float, ...]:
        """An attribute of several floats."""
        return tuple(float(v) for v in self._attribute(name, AttributeProto.FLOATS, default))

    def tensor_attr(self, name: str) -> Array:
        """A tensor attribute."""
        value = self._attribute(name, AttributeProto.TENSOR, None)
        return read_tensor(value, self.builder.file.where)

    def graph_attr(self, name: str) -> onnx.GraphProto:
        """A graph attribute."""
        graph = self._attribute(name, AttributeProto.GRAPH, None)
        assert isinstance(graph, onnx.GraphProto)
        return graph

    def _attribute(self, name: str, kind: int, default: Any) -> Any:
        attribute = self._attributes.get(name)
        if attribute is None:
            if default is None:
                raise Refusal(f"attribute {name!r} is missing")
            return default
        if attribute.type != kind or attribute.ref_attr_name:
            found = AttributeProto.AttributeType.Name(attribute.type)
            raise Refusal(f"attribute {name!r} is {found}; accepted: {AttributeProto.AttributeType.Name(kind)}")
        return helper.get_attribute_value(attribute)

    # Results

    def emit(
        self, op: str, inputs: Sequence[str], attrs: Any, *, dtype: DType | None = None, quant: Quant | None = None
    ) -> str:
        """Add a node; returns its value.

        Args:
            op: key of `edgeq.ops.OPS`.
            inputs: values of the graph.
            attrs: the op's attributes.
            dtype: element type of the result; that of the first input, with its quantization, where not given.
            quant: its quantization.
        """
        if dtype is None:
            first = self.builder.types[inputs[0]]
            dtype, quant = first.dtype, first.quant
        return self.builder.add_node(op, inputs, attrs, self.source, dtype, quant)

    def add_constant(self, array: Array, what: str = "const", quant: Quant | None = None) -> str:
        """A constant that is not in the file, as a value of the graph."""
        return self.builder.add_constant(np.asarray(array), f"{self.node.op_type.lower()}_{what}", quant)

    def transpose(self, value: str, perm: Sequence[int]) -> str:
        """The value with its dimensions permuted: at import where it is constant, also behind a `dequantize`."""
        attrs = TransposeAttrs(tuple(perm))
        if list(perm) == list(range(len(perm))):
            return value
        return self._move(value, "transpose", attrs, lambda a: a.transpose(perm), lambda axis: list(perm).index(axis))

    def reshape(self, value: str, shape: Shape) -> str:
        """The value in another shape, as `transpose` does it."""
        old = self.builder.types[value].shape
        if old == tuple(shape):
            return value
        return self._move(
            value, "reshape", ReshapeAttrs(tuple(shape)), lambda a: a.reshape(shape), _axis_map(old, shape)
        )

    def _move(
        self,
        value: str,
        op: str,
        attrs: Any,
        move: Callable[[Array], Array],
        axis_of: Callable[[int], int | None],
    ) -> str:
        builder = self.builder
        if value in builder.constants:
            type_ = builder.types[value]
            return builder.add_constant(move(builder.constants[value]), value, type_.quant, type_.dtype)
        node = builder.producer(value)
        if node is not None and node.op == "dequantize" and len(node.inputs) > 1:
            return self._moved_groups(node, op, move, axis_of)
        if node is not None and node.op == "dequantize" and node.inputs[0] in builder.constants:
            quant, dtype = builder.types[node.inputs[0]].quant, builder.types[node.inputs[0]].dtype
            assert quant is not None
            axis = None if quant.axis is None else axis_of(quant.axis)
            if quant.axis is None or axis is not None:
                moved = builder.add_constant(
                    move(builder.constants[node.inputs[0]]), node.inputs[0], replace(quant, axis=axis), dtype
                )
                return builder.add_node("dequantize", [moved], DequantizeAttrs(), node.source, DType.F32, None)
        return self.emit(op, [value], attrs)

    def _moved_groups(
        self, node: Node, op: str, move: Callable[[Array], Array], axis_of: Callable[[int], int | None]
    ) -> str:
        """Integers and their factors; where the groups need not be some any more, the reals."""
        builder, (integers, factors) = self.builder, node.inputs
        type_ = builder.types[integers]
        axis = axis_of(type_.quant.axis) if type_.quant is not None and type_.quant.axis is not None else None
        if op != "transpose" or axis is None:
            reals = reals_of_groups(builder.constants[integers], type_, builder.constants[factors])
            return builder.add_constant(np.ascontiguousarray(move(reals)), integers)
        assert type_.quant is not None
        quant, array = replace(type_.quant, axis=axis), np.ascontiguousarray(move(builder.constants[integers]))
        moved = builder.add_constant(array, integers, quant, type_.dtype)
        table = builder.add_constant(np.ascontiguousarray(move(builder.constants[factors])), factors)
        return builder.add_node("dequantize", [moved, table], DequantizeAttrs(), node.source, DType.F32, None)

    def output(self, value: str, index: int = 0) -> None:
        """Let an output of the node be this value; absent outputs are passed over."""
        if index < len(self.node.output) and self.node.output[index]:
            self.builder.bind(self.node.output[index], value)

    def fold(self, array: Array, index: int = 0) -> None:
        """Let an output of the node be this constant."""
        if index < len(self.node.output) and self.node.output[index]:
            self.builder.bind_constant(self.node.output[index], np.asarray(array))

    @property
    def results(self) -> int:
        """Number of outputs, trailing absent ones left out."""
        present = [i for i, name in enumerate(self.node.output) if name]
        return present[-1] + 1 if present else 0


def _axis_map(old: Shape, new: Shape) -> Callable[[int], int | None]:
    """Where each dimension of more than 1 goes in a reshape that only adds or removes dimensions of 1."""
    before = [i for i, d in enumerate(old) if d != 1]
    after = [i for i, d in enumerate(new) if d != 1]
    same = [old[i] for i in before] == [new[i] for i in after]
    table = dict(zip(before, after, strict=False)) if same else {}
    return table.get


def source_of(node: onnx.NodeProto, index: int) -> str:
    """How messages name a node: `Conv #3 "block1/conv"`."""
    place = f"{node.op_type} #{index}"
    name = node.name or (node.output[0] if node.output else "")
    return f"{place} {json.dumps(name, ensure_ascii=False)}" if name else place
