"""What a function of one value makes of every integer: how passes compare functions exactly."""

import numpy as np

from edgeq.errors import Refusal
from edgeq.evaluate import lower_node
from edgeq.fixedpoint import rounding
from edgeq.ir import DType, Graph, Node
from edgeq.ir.graph import Array
from edgeq.ops import OPS
from edgeq.ops.lines import LinesParams
from edgeq.ops.lookup import LookupParams
from edgeq.ops.lookup_s16 import Lookup16Params


def every_integer(dtype: DType) -> Array:
    """All integers of a type, ascending."""
    low, high = dtype.range
    return np.arange(low, high + 1).astype(dtype.numpy)


def every_result(graph: Graph, node: Node) -> Array | None:
    """The outputs of a function of one value for `every_integer`; None for other ops, and what has no such meaning."""
    try:
        params = lower_node(graph, node)
    except Refusal:
        return None
    if not isinstance(params, LookupParams | Lookup16Params | LinesParams):
        return None
    with rounding(graph.rounding):
        (results,) = OPS[node.op].eval_int(params, [every_integer(graph.types[node.inputs[0]].dtype)])
    return results
