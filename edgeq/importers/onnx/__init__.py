"""ONNX files to float graphs: `file` reads, `builder` makes the graph, a converter per operator knows its attributes.

Channels are last in every op of the graph, so a converter of an image op puts transposes around it. To add an
operator: one function and one line in the `CONVERTERS` of its family's file.
"""

from collections.abc import Mapping
from pathlib import Path, PurePath

from edgeq.errors import EdgeqError, Refusal
from edgeq.importers.onnx import (
    activation,
    control,
    convolution,
    dynamic,
    elementwise,
    matmul,
    movement,
    normalization,
    pool,
    qlinear,
    qonnx,
    quantize,
    reduce,
    resize,
    select,
    slicing,
)
from edgeq.importers.onnx.builder import Builder, Converter, element_type
from edgeq.importers.onnx.conversion import convert_nodes
from edgeq.importers.onnx.file import OnnxFile, Shapes, parse_onnx, read_onnx
from edgeq.ir import Graph, TensorType
from edgeq.ir.verify import verify
from edgeq.ops import OPS

CONVERTERS: Mapping[str, Converter] = {
    **activation.CONVERTERS,
    **control.CONVERTERS,
    **convolution.CONVERTERS,
    **dynamic.CONVERTERS,
    **elementwise.CONVERTERS,
    **matmul.CONVERTERS,
    **movement.CONVERTERS,
    **normalization.CONVERTERS,
    **pool.CONVERTERS,
    **qlinear.CONVERTERS,
    **qonnx.CONVERTERS,
    **quantize.CONVERTERS,
    **reduce.CONVERTERS,
    **resize.CONVERTERS,
    **select.CONVERTERS,
    **slicing.CONVERTERS,
}
"""By operator name; those of other domains as `com.microsoft.QGemm`."""


def import_onnx(data: bytes, where: str, shapes: Shapes | None = None, folder: Path | None = None) -> Graph:
    """The graph of an ONNX file, in floats; QuantizeLinear and DequantizeLinear are nodes of it.

    Args:
        data: the file's content.
        where: its name, for messages.
        shapes: shapes of inputs whose dimensions the file leaves open.
        folder: where tensors lie that the file keeps beside itself.

    Raises:
        EdgeqError: where the file is broken, or leaves dimensions open.
        UnsupportedModelError: listing every node that is not supported.
    """
    file = read_onnx(data, where, shapes, folder)
    builder = Builder(file, CONVERTERS)
    inputs = _define_inputs(file, builder)
    convert_nodes(builder, file.graph.node)
    outputs = _find_outputs(file, builder)
    graph = builder.graph(PurePath(where).stem, inputs, outputs).with_(rounding=file.rounding)
    try:
        verify(graph, OPS)
    except AssertionError as error:
        raise EdgeqError(f"{where}: the graph is not consistent: {error}") from error
    return graph


def _define_inputs(file: OnnxFile, builder: Builder) -> list[str]:
    ports = []
    for port in file.inputs:
        try:
            type_ = TensorType(port.shape, element_type(port.elem_type))
        except Refusal as error:
            raise EdgeqError(f"{file.where}: input {port.name!r}: {error}") from error
        value = builder.fresh(port.name)
        builder.types[value] = type_
        builder.bind(port.name, value)
        ports.append(value)
    return ports


def _find_outputs(file: OnnxFile, builder: Builder) -> list[str]:
    if not file.graph.output:
        raise EdgeqError(f"{file.where}: has no output")
    ports = []
    for number, output in enumerate(file.graph.output):
        try:
            value, elem_type = builder.value(output.name), output.type.tensor_type.elem_type
            ports.append(quantize.output_port(builder, value, elem_type, f"output #{number}"))
        except Refusal as error:
            raise EdgeqError(f"{file.where}: output {output.name!r}: {error}") from error
    return ports


__all__ = ["CONVERTERS", "import_onnx", "parse_onnx"]
