"""The ops of the IR, by name. To add one: a file here, and its record in this table."""

from edgeq.ops.arg_max import ARG_MAX, ARG_MIN
from edgeq.ops.batch_matmul import BATCH_MATMUL
from edgeq.ops.bipolar import BIPOLAR
from edgeq.ops.bipolar_layers import BIPOLAR_CONV2D, BIPOLAR_DENSE
from edgeq.ops.broadcast import BROADCAST
from edgeq.ops.concat import CONCAT
from edgeq.ops.conv2d import CONV2D, DEPTHWISE_CONV2D
from edgeq.ops.dense import DENSE
from edgeq.ops.elementwise import ADD, MAXIMUM, MINIMUM, MUL, PRELU, SQUARED_DIFFERENCE, SUB
from edgeq.ops.gather import GATHER
from edgeq.ops.l2_normalize import L2_NORMALIZE
from edgeq.ops.mirror_pad import MIRROR_PAD
from edgeq.ops.op import Lowering, Op, Params
from edgeq.ops.pad import PAD
from edgeq.ops.pool import AVG_POOL2D, MAX_POOL2D
from edgeq.ops.quantize import DEQUANTIZE, QUANTIZE
from edgeq.ops.reduce import MEAN, REDUCE_MAX, REDUCE_MIN, SUM
from edgeq.ops.requantize import REQUANTIZE
from edgeq.ops.reshape import RESHAPE
from edgeq.ops.resize import RESIZE_BILINEAR, RESIZE_NEAREST
from edgeq.ops.slice import SLICE
from edgeq.ops.softmax import LOG_SOFTMAX, SOFTMAX
from edgeq.ops.transpose import TRANSPOSE
from edgeq.ops.transpose_conv2d import TRANSPOSE_CONV2D
from edgeq.ops.unary import UNARY
from edgeq.ops.weight_groups import with_groups

_ALL = (
    ADD,
    ARG_MAX,
    ARG_MIN,
    AVG_POOL2D,
    BATCH_MATMUL,
    BROADCAST,
    CONCAT,
    with_groups(CONV2D),
    with_groups(DENSE),
    DEPTHWISE_CONV2D,
    DEQUANTIZE,
    GATHER,
    L2_NORMALIZE,
    LOG_SOFTMAX,
    MAXIMUM,
    MAX_POOL2D,
    MEAN,
    MINIMUM,
    MIRROR_PAD,
    MUL,
    PAD,
    PRELU,
    QUANTIZE,
    REDUCE_MAX,
    REDUCE_MIN,
    REQUANTIZE,
    RESHAPE,
    RESIZE_BILINEAR,
    RESIZE_NEAREST,
    BIPOLAR,
    BIPOLAR_CONV2D,
    BIPOLAR_DENSE,
    SLICE,
    SOFTMAX,
    SQUARED_DIFFERENCE,
    SUB,
    SUM,
    TRANSPOSE,
    TRANSPOSE_CONV2D,
    *UNARY,
)

OPS: dict[str, Op] = {op.name: op for op in _ALL}

__all__ = ["OPS", "Lowering", "Op", "Params"]
