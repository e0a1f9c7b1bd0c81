"""Constants that stay constants where a converter changes them: as floats, or as the integers of a `dequantize`."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import OpContext
from edgeq.ir import DType, Quant
from edgeq.ir.graph import Array
from edgeq.ops.group_scales import reals_of_groups
from edgeq.ops.quantize import DequantizeAttrs
from edgeq.ops.slice import SliceAttrs

_LARGEST = 1 << 24
"""Elements of a filter."""


def content(op: OpContext, value: str) -> Array | None:
    """The floats, or the integers that are dequantized, of a value that is constant; None for any other."""
    node = op.builder.producer(value)
    if node is not None and node.op == "dequantize":
        value = node.inputs[0]
    return op.builder.constants.get(value)


def is_fixed(op: OpContext, value: str) -> bool:
    """Whether a value is constant."""
    return content(op, value) is not None


def floats(op: OpContext, value: str, what: str) -> Array:
    """The reals of a value that has to be constant; `what` names it in the refusal."""
    if value not in op.builder.constants:
        raise Refusal(f"{what} is computed at run time; it must be a constant of the model")
    return op.builder.constants[value]


def part(op: OpContext, value: str, axis: int, begin: int, size: int) -> str:
    """`size` slices of a value along an axis, from `begin` on."""
    shape = op.type_of(value).shape
    if (begin, size) == (0, shape[axis]):
        return value

    def quant_of(quant: Quant) -> Quant:
        if quant.axis != axis:
            return quant
        of = slice(begin, begin + size)
        return replace(quant, scale=quant.scale[of], zero_point=quant.zero_point[of])

    if is_fixed(op, value):
        return _changed(op, value, lambda a: a.take(range(begin, begin + size), axis), quant_of)
    starts = tuple(begin if i == axis else 0 for i in range(len(shape)))
    sizes = tuple(size if i == axis else n for i, n in enumerate(shape))
    return op.emit("slice", [value], SliceAttrs(starts, sizes, (1,) * len(shape)))


def dilated(op: OpContext, value: str, dilation: tuple[int, int]) -> str:
    """A filter `[O, H, W, I]` with zeros between its rows and columns."""
    if dilation == (1, 1):
        return value
    if not is_fixed(op, value):
        raise Refusal(f"dilations {list(dilation)} of weights computed at run time; accepted: constant weights")

    out_c, height, width, in_c = op.type_of(value).shape
    shape = (out_c, (height - 1) * dilation[0] + 1, (width - 1) * dilation[1] + 1, in_c)
    if math.prod(shape) > _LARGEST:
        raise Refusal(f"weights of shape {list(shape)}, once dilated; accepted: up to {_LARGEST} elements")

    def spread(array: Array) -> Array:
        result = np.zeros(shape, array.dtype)
        result[:, :: dilation[0], :: dilation[1]] = array
        return result

    return _changed(op, value, spread, _symmetric)


def _symmetric(quant: Quant) -> Quant:
    if any(quant.zero_point):
        raise Refusal("dilations of weights with a zero point; accepted: zero points of 0")
    return quant


def _changed(op: OpContext, value: str, change: Callable[[Array], Array], quant_of: Callable[[Quant], Quant]) -> str:
    builder = op.builder
    node = builder.producer(value)
    if node is not None and len(node.inputs) > 1:
        integers, factors = node.inputs
        reals = reals_of_groups(builder.constants[integers], builder.types[integers], builder.constants[factors])
        return builder.add_constant(change(reals), value)
    if node is None:
        return builder.add_constant(change(builder.constants[value]), value)
    integers = node.inputs[0]
    quant, dtype = builder.types[integers].quant, builder.types[integers].dtype
    assert quant is not None
    array = np.ascontiguousarray(change(builder.constants[integers]))
    if dtype is DType.B1 and not array.all():
        dtype = DType.S2
    moved = builder.add_constant(array, integers, quant_of(quant), dtype)
    return builder.add_node("dequantize", [moved], DequantizeAttrs(), node.source, DType.F32, None)
