"""What a QuantizeLinear cuts off, where that is meant.

Quantizers leave out a Relu or a Clip ahead of a QuantizeLinear whose integers begin at 0: saturation does the same. In
reals, which know no saturation, the function has to be there.
"""

import math

from edgeq.importers.onnx.builder import Builder, OpContext
from edgeq.ir import DType, Quant, TensorType
from edgeq.ops.activation import Activation
from edgeq.ops.lookup import UnaryAttrs

_CLAMPS = (Activation.RELU, Activation.RELU6, Activation.RELU_0_TO_1)

_POSITIVE = frozenset(
    {*("abs", "exp", "hard_sigmoid", "logistic", "softmax", "softplus", "sqrt", "square"), *(a.value for a in _CLAMPS)}
)
"""Ops without negative results."""

_KEEPING = frozenset(
    {
        *("add", "avg_pool2d", "broadcast", "concat", "dequantize", "gather", "max_pool2d", "maximum", "mean"),
        *("mirror_pad", "mul", "quantize", "reduce_max", "reduce_min", "requantize", "reshape", "resize_bilinear"),
        *("resize_nearest", "slice", "sum", "transpose"),
    }
)
"""Ops without negative results where no input has negative elements."""


def clamped(op: OpContext, value: str, dtype: DType, quant: Quant) -> str:
    """The value without what integers of this type do not hold, where they begin at real 0."""
    low, high = dtype.range
    if quant.axis is not None or quant.zero_point[0] != low or op.builder.file.by_edgeq:
        return value
    if _is_input(op.builder, value) or is_positive(op.builder, value):
        return value
    six = math.isclose((high - low) * quant.scale[0], 6, rel_tol=1e-5)
    return op.emit((Activation.RELU6 if six else Activation.RELU).value, [value], UnaryAttrs())


def _is_input(builder: Builder, value: str) -> bool:
    """Whether a value is an input, perhaps in another shape: only integers come in there, or quantizing saturates."""
    node = builder.producer(value)
    while node is not None and node.op in ("reshape", "transpose"):
        value = node.inputs[0]
        node = builder.producer(value)
    return node is None and value not in builder.constants


def is_positive(builder: Builder, value: str) -> bool:
    """Whether no element can be negative."""
    pending, seen = [value], {value}
    while pending:
        node = builder.producer(pending.pop())
        if node is None:
            return False
        if node.op in _POSITIVE or getattr(node.attrs, "activation", None) in _CLAMPS:
            continue
        if node.op == "dequantize" and _begins_at_zero(builder.types[node.inputs[0]]):
            continue
        if node.op not in _KEEPING:
            return False
        data = node.inputs[:1] if node.op == "gather" else node.inputs
        pending += [v for v in data if v not in seen]
        seen.update(data)
    return True


def _begins_at_zero(type_: TensorType) -> bool:
    return type_.quant is not None and set(type_.quant.zero_point) == {type_.dtype.range[0]}
