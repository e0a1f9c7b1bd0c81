"""Small things that make a graph of floats smaller: an average of a whole image, two nodes that compute the same."""

from collections.abc import Sequence
from dataclasses import replace

from edgeq.ir import Graph, Node
from edgeq.ir.rewrite import apply_rule, drop_dead, replace_node, replace_uses
from edgeq.ops.activation import Activation
from edgeq.ops.pool import AvgPool2dAttrs
from edgeq.ops.reduce import ReduceAttrs


def simplify_floats(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph with fewer and simpler nodes, and a sentence for each."""
    graph, means = apply_rule(graph, _mean)
    graph, shared = apply_rule(graph, _share)
    return graph, [*means, *shared]


def _mean(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    """An average pool with one window, the whole image, is a mean over height and width."""
    if not isinstance(node.attrs, AvgPool2dAttrs) or node.attrs.activation is not Activation.NONE:
        return None
    type_ = graph.types[node.inputs[0]]
    if not type_.dtype.is_float or any(node.attrs.padding) or node.attrs.kernel != type_.shape[1:3]:
        return None
    mean = replace(node, op="mean", attrs=ReduceAttrs(axes=(1, 2), keep_dims=True))
    return replace_node(graph, node, mean), f"{node.label} is the mean of each channel"


def _share(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    """A node that does what another one has done is that one, but where it writes a port."""
    if len(node.outputs) != 1 or node.outputs[0] in graph.outputs or not any(node.inputs[:1]):
        return None
    first = next(n for n in graph.users[node.inputs[0]] if n == node or _same(graph, n, node))
    if first == node:
        return None
    without = replace_uses(replace_node(graph, node), node.outputs[0], first.outputs[0])
    return drop_dead(without)[0], f"{node.label} computes what {first.label} does"


def _same(graph: Graph, a: Node, b: Node) -> bool:
    alike = (a.op, a.inputs, a.attrs) == (b.op, b.inputs, b.attrs)
    return alike and graph.output_types(a) == graph.output_types(b)
