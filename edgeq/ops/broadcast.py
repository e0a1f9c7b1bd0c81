"""`broadcast`: dimensions of size 1 repeated, and new ones in front, until the shape is reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeq.errors import Refusal
from edgeq.ir import Shape, TensorType
from edgeq.ops.op import Array, Lowering, Op, require_same_elements
from edgeq.ops.strided_copy import StridedCopyParams, aliases, element_strides, eval_int, strided_copy


@dataclass(frozen=True)
class BroadcastAttrs:
    """The output shape."""

    shape: Shape


def _infer(attrs: BroadcastAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x = inputs[0]
    if x is None or len(x.shape) > len(attrs.shape) or min(attrs.shape, default=1) < 1:
        raise Refusal(f"{x} cannot be broadcast to {list(attrs.shape)}")
    aligned = attrs.shape[len(attrs.shape) - len(x.shape) :]
    if any(have not in (1, want) for have, want in zip(x.shape, aligned, strict=True)):
        raise Refusal(f"{x} cannot be broadcast to {list(attrs.shape)}; accepted: only dimensions of size 1 change")
    return (attrs.shape,)


def _eval_float(attrs: BroadcastAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    return (np.broadcast_to(inputs[0], attrs.shape),)


def _lower(attrs: BroadcastAttrs, lowering: Lowering) -> StridedCopyParams:
    x = lowering.input(0)
    require_same_elements(x, lowering.outputs[0])
    strides = [0 if size == 1 else stride for size, stride in zip(x.shape, element_strides(x.shape), strict=True)]
    new = len(attrs.shape) - len(x.shape)
    return strided_copy(attrs.shape, [0] * new + strides, 0, x.dtype.bytes)


BROADCAST = Op(
    name="broadcast",
    attrs=BroadcastAttrs,
    infer=_infer,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=eval_int,
    aliases=aliases,
)
