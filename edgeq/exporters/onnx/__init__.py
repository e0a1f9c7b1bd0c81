"""Integer graphs to ONNX files of the QDQ form, which ONNX Runtime runs and edgeq reads back.

Every op is the ONNX operator on reals, with a DequantizeLinear before each operand and a QuantizeLinear behind the
result: `operators` has a row per op, `values` the tensors that hold each value, `model` the file under construction.
Images have their channels second, as in ONNX; ports have the names and the order of dimensions of the original file.
"""

from collections.abc import Iterator

from edgeq.errors import Refusal, UnsupportedModelError
from edgeq.exporters.onnx.model import ModelBuilder, Port
from edgeq.exporters.onnx.operators import export_node
from edgeq.exporters.onnx.values import Values
from edgeq.importers.onnx.file import ROUNDING
from edgeq.ir import Graph
from edgeq.passes.layout.order import Layout


def export_onnx(graph: Graph) -> bytes:
    """The file's content; equal graphs make equal bytes.

    Args:
        graph: integers, as the quantizer makes it: floats are at ports only.

    Raises:
        UnsupportedModelError: listing the nodes that ONNX has no operator for.
    """
    builder = ModelBuilder()
    inputs, outputs = list(_ports(graph, graph.inputs)), list(_ports(graph, graph.outputs))
    values = Values(graph, builder, inputs, outputs)
    refused = []
    for node in graph.nodes:
        try:
            export_node(values, node)
        except Refusal as error:
            refused.append((node.source or node.name, str(error)))
            values.assume(node)
    if refused:
        raise UnsupportedModelError(graph.name, refused)
    values.write_outputs()
    return builder.model(graph.name, inputs, outputs, {ROUNDING: graph.rounding.value})


def _ports(graph: Graph, names: tuple[str, ...]) -> Iterator[Port]:
    """As the original file has them; a name that is taken gets a number."""
    taken: set[str] = set()
    for value in names:
        type_, origin = graph.types[value], graph.origins.get(value)
        order = Layout.plain(len(type_.shape))
        if origin is not None and origin.perm is not None:
            order = Layout(tuple(origin.perm.index(d) for d in range(len(origin.perm))))
        stem = (origin.name if origin else "") or value
        name = next(n for n in (stem, *(f"{stem}_{i}" for i in range(1, len(names) + 1))) if n not in taken)
        taken.add(name)
        yield Port(value, name, type_, order)


__all__ = ["export_onnx"]
