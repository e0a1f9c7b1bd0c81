"""What quantization means to each op: which operands share scale and zero point, which have weights, which fix theirs.

Sources: the TFLite 8-bit quantization specification, for what int8 and int16 kernels take.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from edgeq.ir import DType, Graph, Node, Quant
from edgeq.ops.unary import UNARY
from edgeq.quantize.encoding import Encoding


class Role(Enum):
    """How an op treats the encodings of its operands."""

    MOVE = "the output's elements are elements of the inputs, or between them: one encoding for all"
    FREE = "any encodings"
    TABLE = "a function of one value: any encodings"
    WEIGHTED = "constant weights and a bias; the scale of its sums follows from input and weights"
    FIXED = "the output's encoding is part of the op"
    INDEX = "no reals come out"
    PACKED = "only passes over integer graphs make it"


_MOVES = (
    "broadcast concat gather max_pool2d maximum minimum mirror_pad pad reduce_max reduce_min reshape "
    "resize_bilinear resize_nearest slice transpose"
)
_FREE = "add avg_pool2d batch_matmul dequantize mean mul prelu quantize requantize squared_difference sub sum"

ROLES: Mapping[str, Role] = {
    **dict.fromkeys(_MOVES.split(), Role.MOVE),
    **dict.fromkeys(_FREE.split(), Role.FREE),
    **dict.fromkeys((op.name for op in UNARY), Role.TABLE),
    **dict.fromkeys(("conv2d", "dense", "depthwise_conv2d", "transpose_conv2d"), Role.WEIGHTED),
    **dict.fromkeys(("l2_normalize", "log_softmax", "softmax"), Role.FIXED),
    **dict.fromkeys(("arg_max", "arg_min"), Role.INDEX),
    **dict.fromkeys(("bipolar", "bipolar_conv2d", "bipolar_dense"), Role.PACKED),
}
"""Of every op; a test holds it complete."""


@dataclass(frozen=True)
class Fixed:
    """What an op insists on.

    Attributes:
        encoding: of its output.
        reads: element types of its input with which it makes that.
    """

    encoding: Encoding
    reads: tuple[DType, ...]


def _fixed(dtype: DType, scale: float, zero_point: int, *reads: DType) -> Fixed:
    return Fixed(Encoding(dtype, Quant.per_tensor(scale, zero_point)), reads)


_FIXED: Mapping[tuple[str, DType], Fixed] = {
    ("softmax", DType.S8): _fixed(DType.S8, 2.0**-8, -128, DType.S8, DType.S16),
    ("softmax", DType.S16): _fixed(DType.S16, 2.0**-15, 0, DType.S16),
    ("log_softmax", DType.S8): _fixed(DType.S8, 2.0**-4, 127, DType.S8),
    ("log_softmax", DType.S16): _fixed(DType.S16, 2.0**-10, 0, DType.S16),
    ("l2_normalize", DType.S8): _fixed(DType.S8, 2.0**-7, 0, DType.S8),
    ("l2_normalize", DType.S16): _fixed(DType.S16, 2.0**-15, 0, DType.S16),
}


def fixed(node: Node, dtype: DType) -> Fixed | None:
    """What an op insists on for an output of this type; None where it takes any encoding, or makes no such type."""
    return _FIXED.get((node.op, dtype))


def fixed_encoding(node: Node, dtype: DType) -> Encoding | None:
    """The encoding of `fixed`."""
    found = fixed(node, dtype)
    return found.encoding if found else None


def tied_values(graph: Graph, node: Node) -> tuple[str, ...]:
    """The values of a MOVE that share one encoding: floats that it reads, and its outputs."""
    if ROLES[node.op] is not Role.MOVE:
        return ()
    return tuple(v for v in (*node.inputs, *node.outputs) if v and graph.types[v].dtype.is_float)
