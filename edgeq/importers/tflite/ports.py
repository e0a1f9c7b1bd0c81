"""Inputs and outputs of the graph, in the element types that the file gives them.

Inside the graph uint8 tensors are int8; at a uint8 port a `requantize` stands between the two. It changes no real:
the scale is the same and the zero point differs by 128.
"""

from edgeq.errors import EdgeqError, Refusal
from edgeq.importers.tflite.builder import Builder, require_size, with_name
from edgeq.importers.tflite.file import Tensor, TfliteFile
from edgeq.ir import Node, Origin, TensorType
from edgeq.ops.requantize import RequantizeAttrs


def define_inputs(file: TfliteFile, builder: Builder) -> list[str]:
    """Define the tensors that the caller provides; returns the values of the ports."""
    ports = []
    for number, index in enumerate(file.inputs):
        tensor = file.tensors[index]
        try:
            type_ = builder.type_of(tensor)
            require_size(type_)
            _require_one_scale(type_)
        except Refusal as error:
            raise EdgeqError(f"{file.where}: input {tensor.name!r}: {error}") from error
        if tensor.data is not None or f"t{index}" in builder.types:
            raise EdgeqError(f"{file.where}: input {tensor.name!r} is a constant, is empty or is listed twice")
        value = builder.define(tensor, type_, f"t{index}")
        ports.append(value if type_.dtype is tensor.dtype else _input_port(builder, tensor, value, number))
    return ports


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
