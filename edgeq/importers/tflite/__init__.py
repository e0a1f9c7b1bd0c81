"""TFLite files to graphs: `file` reads bytes, `builder` makes the graph, a converter per operator knows its options.

To add an operator: one function and one line in the `CONVERTERS` of its family's file.
"""

from collections.abc import Mapping
from pathlib import PurePath

from edgeq.errors import EdgeqError, Refusal, UnsupportedModelError
from edgeq.importers.tflite import (
    blocks,
    convolution,
    elementwise,
    folding,
    l2_normalization,
    matmul,
    movement,
    padding,
    quantize,
    reduce,
    resize,
    slicing,
    softmax,
)
from edgeq.importers.tflite.builder import Builder, source_of
from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.importers.tflite.file import Operator, TfliteFile, read_tflite
from edgeq.importers.tflite.ports import define_inputs, find_outputs, taken_shapes
from edgeq.ir import Graph, Shape
from edgeq.ir.verify import verify
from edgeq.ops import OPS

CONVERTERS: Mapping[str, Converter] = {
    **folding.CONVERTERS,  # first: the others take from it what they also compute at run time
    **blocks.CONVERTERS,
    **convolution.CONVERTERS,
    **elementwise.CONVERTERS,
    **l2_normalization.CONVERTERS,
    **matmul.CONVERTERS,
    **movement.CONVERTERS,
    **padding.CONVERTERS,
    **quantize.CONVERTERS,
    **reduce.CONVERTERS,
    **resize.CONVERTERS,
    **slicing.CONVERTERS,
    **softmax.CONVERTERS,
}


def import_tflite(data: bytes, where: str, shapes: Mapping[str, Shape] | None = None) -> Graph:
    """The main subgraph of a TFLite file as a graph in NHWC, of floats where the file computes with floats.

    Args:
        data: the file's content.
        where: its name, for messages.
        shapes: shapes of inputs, by name, where the file leaves dimensions open; they are 1 otherwise, or what the
            file has beside that.

    Raises:
        EdgeqError: where the file is broken.
        UnsupportedModelError: listing every operator that is not supported.
    """
    file = read_tflite(data, where)
    builder = Builder(file)
    shapes = shapes or {}
    inputs = define_inputs(file, builder, shapes)
    _convert_all(file, builder, taken_shapes(file, shapes))
    outputs = find_outputs(file, builder)
    graph = builder.graph(PurePath(where).stem, inputs, outputs)
    try:
        verify(graph, OPS)
    except AssertionError as error:
        raise EdgeqError(f"{where}: the graph is not consistent: {error}") from error
    return graph


def _convert_all(file: TfliteFile, builder: Builder, taken: str) -> None:
    """Convert every operator, or raise with all that are refused; `taken` says which shapes of inputs are guesses.

    The outputs of a refused operator are taken as the file declares them, so that those behind it are looked at too;
    what depends on a tensor of which not even that is known is not reported for that alone.
    """
    refused: dict[str, str] = {}
    unknown: set[int] = set()
    for operator in file.operators:
        if operator.name in CONVERTERS and unknown.intersection(operator.inputs):
            unknown.update(operator.outputs)
            continue
        try:
            _convert(OpContext(builder, operator))
        except Refusal as error:
            refused[source_of(file, operator)] = _reason(error, operator, taken)
            unknown.update(index for index in operator.outputs if not builder.assume(index))
    if refused:
        refused = {**builder.refusals(), **refused}
        in_order = [source_of(file, operator) for operator in file.operators]
        raise UnsupportedModelError(file.where, [(source, refused[source]) for source in in_order if source in refused])


def _reason(error: Refusal, operator: Operator, taken: str) -> str:
    """Why an operator is refused, with the guesses that it may be for."""
    return f"{error} ({taken}; --shape pins it)" if taken and operator.name in CONVERTERS else str(error)


def _convert(op: OpContext) -> None:
    name = op.operator.name
    if name not in CONVERTERS:
        raise Refusal(f"{name} is not supported (`edgeq ops` lists what is)")
    if not folding.fold(op):
        CONVERTERS[name].convert(op)
