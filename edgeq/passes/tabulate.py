"""Makes a table of bytes of a function that a model computes on floats in its midst.

    quantize(elu(dequantize(x)))  =  elu(x, in_reals)

TFLite's converter leaves operators without an int8 kernel like this. Of 256 inputs each result is known.
"""

from collections.abc import Sequence
from dataclasses import replace

from edgeq.errors import Refusal
from edgeq.evaluate import lower_node
from edgeq.ir import Graph, Node
from edgeq.ir.rewrite import apply_rule, drop_dead, replace_node
from edgeq.ops.lookup import UnaryAttrs


def tabulate(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph with functions of one float as functions of one byte, and a sentence for each."""
    return apply_rule(graph, _tabulate)


def _tabulate(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    function = graph.producers.get(node.inputs[0]) if node.op == "quantize" else None
    if function is None or not isinstance(function.attrs, UnaryAttrs):
        return None
    dequantize = graph.producers.get(function.inputs[0])
    if dequantize is None or dequantize.op != "dequantize":
        return None
    attrs = replace(function.attrs, in_reals=True)
    table = Node(node.name, function.op, dequantize.inputs, node.outputs, attrs, function.source)
    try:
        lower_node(graph, table)
    except Refusal:
        return None  # not from int8 to int8
    graph = drop_dead(replace_node(graph, node, table))[0]
    return graph, f"made {function.label} a table, with {dequantize.label} and {node.label}"
