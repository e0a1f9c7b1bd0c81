"""The exporters of all ops, and the layouts in which a node works."""

from collections.abc import Mapping

from edgeq.errors import Refusal
from edgeq.exporters.onnx import arithmetic, functions, images, movement, weighted
from edgeq.exporters.onnx.context import Exporter, NodeContext
from edgeq.exporters.onnx.values import Values
from edgeq.ir import Node
from edgeq.passes.layout.order import Layout
from edgeq.passes.layout.rules import Choice, Site, choose, unchanged

EXPORTERS: Mapping[str, Exporter] = {
    **arithmetic.EXPORTERS,
    **functions.EXPORTERS,
    **images.EXPORTERS,
    **movement.EXPORTERS,
    **weighted.EXPORTERS,
}
"""By the op's name; besides `dequantize`, which is a form of its operand, and `transpose`, which is a layout."""

_CHANNELS_SECOND = Layout((0, 3, 1, 2))


def export_node(values: Values, node: Node) -> None:
    """Add a node's operators to the file, and let its value be what they make.

    Raises:
        Refusal: where ONNX has no operator for it.
    """
    if len(node.outputs) != 1:
        raise Refusal(f"{node.op} has {len(node.outputs)} results; accepted: one")
    (output,), source = node.outputs, node.inputs[0] if node.inputs else ""
    exporter = EXPORTERS.get(node.op)
    choice = _images(node) if exporter is not None and exporter.image else _layouts(values, node)
    computed = values.layout(source) is not None
    if node.op == "dequantize" and computed:
        values.dequantized(output, source)
    elif node.op == "transpose" and computed:
        values.alias(output, source, choice.output)
    elif exporter is None:
        raise Refusal(f"{node.op} cannot be written as ONNX; accepted: {', '.join(sorted(EXPORTERS))}")
    else:
        values.define(output, exporter.export(NodeContext(values, node, choice)), choice.output)


def _images(node: Node) -> Choice:
    """Channels second for the image; weights are put in order by the exporter."""
    return Choice(_CHANNELS_SECOND, (_CHANNELS_SECOND, *(None for _ in node.inputs[1:])), node.attrs)


def _layouts(values: Values, node: Node) -> Choice:
    """That of an operand, if the op can work in it; else everything as the graph has it."""
    graph = values.graph
    types = graph.input_types(node)
    site = Site(node.attrs, types, graph.types[node.outputs[0]], (False,) * len(types))
    for index, value in enumerate(node.inputs):
        layout = values.layout(value) if value else None
        choice = choose(site, index, layout) if layout is not None else None
        if choice is not None and not _reorders_columns(choice):
            return choice
    return unchanged(site)


def _reorders_columns(choice: Choice) -> bool:
    return any(layout is not None and layout.columns for layout in (choice.output, *choice.inputs))
