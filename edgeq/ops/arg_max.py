"""`arg_max` and `arg_min`: where along an axis the largest or smallest element is, the first of equal ones.

Source: TFLite `reference_ops::ArgMinMax`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.ir import DType, Shape, TensorType
from edgeq.ops.op import I32, Array, Lowering, Op, Params, require_dtype


@dataclass(frozen=True)
class ArgMaxAttrs:
    """The axis, counted from the front."""

    axis: int


@dataclass(frozen=True)
class ArgMaxParams(Params):
    """The input is `outer` times `size` times `inner` elements, searched along the middle.

    `flip` is 0 for the largest element and -1 for the smallest: complementing every bit reverses the order.
    """

    struct: ClassVar[str] = "arg_max"

    outer: I32
    size: I32
    inner: I32
    flip: I32


def _infer(attrs: ArgMaxAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x = inputs[0]
    if x is None or not 0 <= attrs.axis < len(x.shape):
        raise Refusal(f"axis {attrs.axis} of {x}; accepted: one that the input has")
    return (x.shape[: attrs.axis] + x.shape[attrs.axis + 1 :],)


def _lower_max(attrs: ArgMaxAttrs, lowering: Lowering) -> ArgMaxParams:
    return _lower(attrs, lowering, flip=0)


def _lower_min(attrs: ArgMaxAttrs, lowering: Lowering) -> ArgMaxParams:
    return _lower(attrs, lowering, flip=-1)


def _lower(attrs: ArgMaxAttrs, lowering: Lowering, *, flip: int) -> ArgMaxParams:
    x = lowering.input(0)
    require_dtype(x, DType.S8, DType.S16)
    require_dtype(lowering.outputs[0], DType.S32, DType.S64, what="output")
    return ArgMaxParams(
        outer=math.prod(x.shape[: attrs.axis]),
        size=x.shape[attrs.axis],
        inner=math.prod(x.shape[attrs.axis + 1 :]),
        flip=flip,
    )


def _eval_int(params: ArgMaxParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x = inputs[0].reshape(params.outer, params.size, params.inner)
    return (np.argmax(x ^ x.dtype.type(params.flip), axis=1),)


ARG_MAX = Op(
    name="arg_max",
    attrs=ArgMaxAttrs,
    infer=_infer,
    eval_float=lambda attrs, inputs: (np.argmax(inputs[0], axis=attrs.axis).astype(np.float32),),
    lower=_lower_max,
    eval_int=_eval_int,
)

ARG_MIN = Op(
    name="arg_min",
    attrs=ArgMaxAttrs,
    infer=_infer,
    eval_float=lambda attrs, inputs: (np.argmin(inputs[0], axis=attrs.axis).astype(np.float32),),
    lower=_lower_min,
    eval_int=_eval_int,
)
