"""What a converter sees of one operator of a TFLite file, and how it adds nodes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import flatbuffers.table
import numpy as np

from edgeq.errors import Refusal
from edgeq.evaluate import operands
from edgeq.importers.tflite.builder import FOLDING_BUDGET, Builder, require_finite_result, require_size, source_of
from edgeq.importers.tflite.file import Operator, Tensor, reading
from edgeq.ir import DType, Node, Shape, TensorType
from edgeq.ir.graph import Array
from edgeq.ops import OPS, Lowering
from edgeq.ops.activation import Activation
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.ops.unary import UNARY

_Options = TypeVar("_Options")

# A flatbuffer table without fields: what an operator without options is read from, so that the schema's defaults hold.
_EMPTY_TABLE = flatbuffers.table.Table(b"\x04\x00\x04\x00\x04\x00\x00\x00", 4)

_FUNCTIONS = frozenset(op.name for op in UNARY) | {"add", "sub", "mul", "maximum", "minimum", "squared_difference"}
"""Ops that are computed on constants of floats wherever they occur: the work is that of writing the result."""

_ACTIVATIONS = {
    0: Activation.NONE,
    1: Activation.RELU,
    2: Activation.RELU_N1_TO_1,
    3: Activation.RELU6,
}
_TANH = 4

_PACKED = frozenset({"conv2d", "dense", "depthwise_conv2d"})
"""Ops that take weights of less than 8 bits."""

_HYBRID = frozenset({"BATCH_MATMUL", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})
"""Operators that may have integer weights between floats. What the weights stand for is what the model means."""


@dataclass(frozen=True)
class Converter:
    """How one TFLite operator becomes nodes of the IR.

    Attributes:
        convert: adds the nodes through an `OpContext`.
        ops: the IR ops it makes, for the table of supported operators.
        note: what is restricted, for the same table; "" where nothing is.
        floats_only: TFLite has it for integers too, or not at all; edgeq takes it where it computes with floats.
    """

    convert: Callable[["OpContext"], None]
    ops: tuple[str, ...]
    note: str = ""
    floats_only: bool = False


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
        """A fused activation that is a clamp; Refusal for the others (TANH, SIGN_BIT)."""
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
        value = self._builder.value(self.operator.inputs[position])
        return self._builder.reals(value) if self._is_hybrid else value

    def weights(self, position: int) -> str:
        """A constant of floats: as its integers, where these have a scale per block, and what makes reals of them."""
        grouped = self._builder.grouped(self.operator.inputs[position]) if self.computes_floats() else ""
        return grouped or self.input(position)

    @property
    def _is_hybrid(self) -> bool:
        return self.operator.name in _HYBRID and self.computes_floats()

    def computes_floats(self) -> bool:
        """Whether the first output is of floats."""
        return self.output_tensor().dtype is DType.F32

    def require_floats(self) -> None:
        """Refuse other operands and results than floats."""
        types = [self.type(i) for i in range(self.arity)]
        if not all(t.dtype.is_float for t in (*types, self.output_type())):
            listed = ", ".join(str(t) for t in types)
            raise Refusal(f"from {listed} to {self.output_type()}; accepted: float32 from float32")

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

    def reals(self, position: int) -> Array:
        """What an input that is constant stands for, in floats."""
        return self._builder.constants[self._builder.reals(self.input(position))]

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

    def declared_shape(self) -> Shape:
        """The shape that the file has for the first output; -1 where it is open and an input is not as in the file."""
        tensor = self.output_tensor()
        return tensor.signature if self._builder.reshaped else tensor.shape

    def emit_fused(self, op: str, inputs: Sequence[str], attrs: Any, fused: int) -> str:
        """Add the node that computes the only output, with a fused activation by its number in the schema.

        A tanh is a node of its own, on floats; on integers nothing says how exact its argument has to be.
        """
        if fused == _TANH and self.computes_floats():
            argument = self.emit_hidden(op, inputs, attrs, self.output_type())
            return self.emit("tanh", [argument], UnaryAttrs())
        return self.emit(op, inputs, replace(attrs, activation=self.activation(fused)))

    def emit(self, op: str, inputs: Sequence[str], attrs: Any, output: int = 0) -> str:
        """Add the node that computes an output of the operator.

        The shape is what the op infers, if the file leaves it open. Otherwise it is what the file declares, which must
        have as many elements.
        """
        tensor = self.output_tensor(output)
        self._require_new(tensor)
        shape = self._infer(op, inputs, attrs)
        if not self._builder.is_open(tensor) and shape != tensor.shape:
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
            raise Refusal(f"{elements} elements of constant arithmetic; accepted: {FOLDING_BUDGET} in a whole model")

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
        if tensor.data is not None or self._builder.has_value(tensor.index):
            raise Refusal(f"writes tensor {tensor.index} {tensor.name!r}, which is defined already")

    def _add(self, op: str, inputs: Sequence[str], attrs: Any, output: str, type_: TensorType) -> None:
        require_size(type_)
        self._require_weights(op, inputs)
        node = Node(f"n{len(self._builder.nodes)}", op, tuple(inputs), (output,), attrs, self.source)
        folded = self._evaluated(node, type_)
        if folded is None:
            self._builder.add_node(node, [type_])
        else:
            self._builder.types[output] = type_
            self._builder.constants[output] = folded

    def _require_weights(self, op: str, inputs: Sequence[str]) -> None:
        """Refuse integers of less than 8 bits but as the weights of layers that read them packed."""
        for position, value in enumerate(inputs):
            dtype = self._builder.types[value].dtype if value else None
            matrix = op == "batch_matmul" and dtype is DType.S4
            if dtype is not None and dtype.is_narrow and not ((op in _PACKED or matrix) and position == 1):
                accepted = "as weights of CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED, of 4 bits of BATCH_MATMUL"
                raise Refusal(f"input {position} is {self._builder.types[value]}; accepted: {accepted}")

    def _evaluated(self, node: Node, type_: TensorType) -> Array | None:
        """What a node makes of constants without quantization; None where it belongs into the graph."""
        if not self._are_plain_constants(node.inputs):
            return None
        types = tuple(self._builder.types[v] if v else None for v in node.inputs)
        constants = tuple(self._builder.constants.get(v) for v in node.inputs)
        if node.op in _FUNCTIONS and type_.dtype.is_float:
            return self._function_of_floats(node, constants, type_)
        try:
            params = OPS[node.op].lower(node.attrs, Lowering(types, (type_,), constants))
        except Refusal:
            return None  # refused together with all others, when the graph is lowered
        if not self._builder.reserve(type_.size):
            return None
        (result,) = OPS[node.op].eval_int(params, [self._builder.constants[v] for v in operands(node)])
        return result.astype(type_.dtype.numpy, copy=False).reshape(type_.shape)

    def _function_of_floats(self, node: Node, inputs: Sequence[Array | None], type_: TensorType) -> Array | None:
        if not self._builder.reserve(type_.size):
            return None
        with np.errstate(all="ignore"):
            (result,) = OPS[node.op].eval_float(node.attrs, inputs)
        require_finite_result(result)
        return result.astype(type_.dtype.numpy, copy=False).reshape(type_.shape)
