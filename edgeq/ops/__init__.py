"""The ops of the IR, by name. To add one: a file here, and its record in this table."""

from edgeq.ops.concat import CONCAT
from edgeq.ops.conv2d import CONV2D, DEPTHWISE_CONV2D
from edgeq.ops.op import Lowering, Op, Params
from edgeq.ops.reshape import RESHAPE

_ALL = (
    CONCAT,
    CONV2D,
    DEPTHWISE_CONV2D,
    RESHAPE,
)

OPS: dict[str, Op] = {op.name: op for op in _ALL}

__all__ = ["OPS", "Lowering", "Op", "Params"]
