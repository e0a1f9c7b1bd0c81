"""`slice`: every stride-th element from `begin` on, along each dimension. A view where those are contiguous."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeq.errors import Refusal
from edgeq.ir import Shape, TensorType
from edgeq.ops.op import Array, Lowering, Op, require_same_elements
from edgeq.ops.strided_copy import StridedCopyParams, aliases, element_strides, eval_int, strided_copy


@dataclass(frozen=True)
class SliceAttrs:
    """Per dimension: the first index, how many there are, and the step between them, which may be negative."""

    begin: Shape
    size: Shape
    stride: Shape


def _infer(attrs: SliceAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x = inputs[0]
    if x is None or not len(x.shape) == len(attrs.begin) == len(attrs.size) == len(attrs.stride):
        raise Refusal(f"a slice of {len(attrs.begin)} dimensions of {x}")
    for axis, (dim, begin, size, stride) in enumerate(zip(x.shape, attrs.begin, attrs.size, attrs.stride, strict=True)):
        last = begin + (size - 1) * stride
        if size < 1 or stride == 0 or not (0 <= begin < dim and 0 <= last < dim):
            raise Refusal(
                f"{size} elements from index {begin} in steps of {stride} along dimension {axis} of {x}; "
                f"accepted: at least one, each of 0..{dim - 1}"
            )
    return (attrs.size,)


def _eval_float(attrs: SliceAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    parts = []
    for begin, size, stride in zip(attrs.begin, attrs.size, attrs.stride, strict=True):
        end = begin + size * stride
        parts.append(slice(begin, end if end >= 0 else None, stride))
    return (inputs[0][tuple(parts)],)


def _lower(attrs: SliceAttrs, lowering: Lowering) -> StridedCopyParams:
    x = lowering.input(0)
    require_same_elements(x, lowering.outputs[0])
    dense = element_strides(x.shape)
    offset = sum(b * d for b, d in zip(attrs.begin, dense, strict=True))
    strides = [s * d for s, d in zip(attrs.stride, dense, strict=True)]
    return strided_copy(attrs.size, strides, offset, x.dtype.bytes)


SLICE = Op(
    name="slice",
    attrs=SliceAttrs,
    infer=_infer,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=eval_int,
    aliases=aliases,
)
