"""Removes nodes whose output is their input: the same integers in the same order, of the same type.

* moves that move nothing: a reshape to the same shape, a transpose that keeps the order, a slice of everything, a pad
  of nothing, a concatenation of one: their output lies where their input lies (`Op.aliases`);
* functions of one value whose table is the identity, such as a RELU of a type whose zero point is its lowest integer;
* a requantize to the type that was there.
"""

from collections.abc import Sequence

import numpy as np

from edgeq.errors import Refusal
from edgeq.evaluate import lower_node, operands
from edgeq.ir import DType, Graph, Node
from edgeq.ir.rewrite import apply_rule, bypass
from edgeq.ops import OPS
from edgeq.ops.lookup import LookupParams

_IDENTITY = np.arange(DType.S8.range[0], DType.S8.range[1] + 1)


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
    try:
        params = lower_node(graph, node)
    except Refusal:
        return False
    if isinstance(params, LookupParams):
        return bool(np.array_equal(params.table, _IDENTITY))
    return OPS[node.op].aliases(params) == (0,)
