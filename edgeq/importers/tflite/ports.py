"""Inputs and outputs of the graph, in the element types that the file gives them.

Inside the graph uint8 tensors are int8; at a uint8 port a `requantize` stands between the two. It changes no real:
the scale is the same and the zero point differs by 128.
"""

from collections.abc import Mapping

from edgeq.errors import EdgeqError, Refusal
from edgeq.importers.tflite.builder import Builder, require_size, with_name
from edgeq.importers.tflite.file import Tensor, TfliteFile
from edgeq.ir import Node, Origin, Shape, TensorType
from edgeq.ops.requantize import RequantizeAttrs


def define_inputs(file: TfliteFile, builder: Builder, shapes: Mapping[str, Shape]) -> list[str]:
    """Define the tensors that the caller provides, in the shapes that are given; returns the values of the ports."""
    names = [file.tensors[index].name for index in file.inputs]
    if unknown := shapes.keys() - set(names):
        listed = ", ".join(repr(name) for name in names) or "none"
        raise EdgeqError(f"{file.where}: a shape is given for {min(unknown)!r}; the inputs are {listed}")
    ports = []
    for number, index in enumerate(file.inputs):
        tensor = file.tensors[index]
        try:
            type_ = builder.type_of(tensor, _shape(tensor, shapes.get(tensor.name)))
            require_size(type_)
            _require_one_scale(type_)
        except Refusal as error:
            raise EdgeqError(f"{file.where}: input {tensor.name!r}: {error}") from error
        if tensor.data is not None or f"t{index}" in builder.types:
            raise EdgeqError(f"{file.where}: input {tensor.name!r} is a constant, is empty or is listed twice")
        value = builder.define(tensor, type_, f"t{index}")
        builder.reshaped |= type_.shape != tensor.shape
        ports.append(value if type_.dtype is tensor.dtype else _input_port(builder, tensor, value, number))
    return ports


def _shape(tensor: Tensor, pinned: Shape | None) -> Shape:
    """The shape of an input: what is open is as the user wants it, else as the file has it."""
    if pinned is None:
        return tensor.shape
    expected = tensor.signature
    fits = len(pinned) == len(expected) and all(e in (-1, n) for n, e in zip(pinned, expected, strict=True))
    if not fits or min(pinned, default=1) < 1:
        raise Refusal(f"the shape {list(pinned)} is given, the file has {list(expected)}; accepted: 1 and more for -1")
    return pinned


def taken_shapes(file: TfliteFile, shapes: Mapping[str, Shape]) -> str:
    """Which inputs have open dimensions behind the batch that nobody pinned; "" where there are none."""
    tensors = [file.tensors[index] for index in file.inputs]
    taken = [t for t in tensors if -1 in t.signature[1:] and t.name not in shapes]
    return "; ".join(f"input {t.name!r} {list(t.signature)} was taken as {list(t.shape)}" for t in taken)


def find_outputs(file: TfliteFile, builder: Builder) -> list[str]:
    """The values of the output ports, once every operator has been converted."""
    ports: dict[int, str] = {}
    for number, index in enumerate(file.outputs):
        tensor = file.tensors[index]
        try:
            value = builder.value(index)
            _require_one_scale(builder.types[value])
        except Refusal as error:
            raise EdgeqError(f"{file.where}: output {tensor.name!r}: {error}") from error
        if index not in ports:
            same = builder.types[value].dtype is tensor.dtype
            ports[index] = value if same else _output_port(builder, tensor, value, number)
    return [ports[index] for index in file.outputs]


def _require_one_scale(type_: TensorType) -> None:
    if type_.quant is not None and type_.quant.axis is not None:
        raise Refusal(f"is quantized as {type_}; accepted: one scale and zero point for a port")


def _input_port(builder: Builder, tensor: Tensor, value: str, number: int) -> str:
    port = _define_port(builder, tensor, value, "in")
    _convert(builder, port, value, with_name(f"input #{number}", tensor.name))
    return port


def _output_port(builder: Builder, tensor: Tensor, value: str, number: int) -> str:
    port = _define_port(builder, tensor, value, "out")
    _convert(builder, value, port, with_name(f"output #{number}", tensor.name))
    return port


def _define_port(builder: Builder, tensor: Tensor, value: str, suffix: str) -> str:
    """A value of the file's own element type beside the one that stands for the tensor in the graph."""
    assert tensor.dtype is not None
    port = f"{value}_{suffix}"
    builder.types[port] = TensorType(builder.types[value].shape, tensor.dtype, tensor.quant)
    builder.origins[port] = Origin(tensor.name, tensor.index)
    return port


def _convert(builder: Builder, before: str, after: str, source: str) -> None:
    node = Node(f"n{len(builder.nodes)}", "requantize", (before,), (after,), RequantizeAttrs(), source)
    builder.add_node(node, [builder.types[after]])
