"""Removes nodes whose output is their input: the same integers in the same order, of the same type.

* moves that move nothing: a reshape to the same shape, a transpose that keeps the order, a slice of everything, a pad
  of nothing, a concatenation of one: their output lies where their input lies (`Op.aliases`);
* functions of one value that leave every integer as it is, such as a RELU where the zero point is the lowest integer;
* a requantize to the type that was there.
"""

from collections.abc import Sequence

import numpy as np

from edgeq.errors import Refusal
from edgeq.evaluate import lower_node, operands
from edgeq.ir import Graph, Node
from edgeq.ir.rewrite import apply_rule, bypass
from edgeq.ops import OPS
from edgeq.passes.every_integer import every_integer, every_result


def drop_no_ops(graph: Graph) -> tuple[Graph, Sequence[str]]:
    """The graph without nodes that change nothing, and a sentence for each of those."""
    return apply_rule(graph, _drop)


def _drop(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    if not _changes_nothing(graph, node):
        return None
    without = bypass(graph, node)
    return None if without is None else (without, f"dropped {node.label}, which changes nothing")


def _changes_nothing(graph: Graph, node: Node) -> bool:
    types = {graph.types[v] for v in (*operands(node), *node.outputs)}
    if len(types) != 1:
        return False
    if node.op == "requantize":
        return True
    results = every_result(graph, node)
    if results is not None:
        return bool(np.array_equal(results, every_integer(graph.types[node.outputs[0]].dtype)))
    try:
        params = lower_node(graph, node)
    except Refusal:
        return False
    return OPS[node.op].aliases(params) == (0,)
