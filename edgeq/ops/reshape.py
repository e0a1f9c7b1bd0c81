"""`reshape`: the same elements under another shape. A view: it costs neither bytes nor cycles."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from edgeq.errors import Refusal
from edgeq.ir import Shape, TensorType
from edgeq.ops.op import I32, Array, Lowering, Op, Params, require_same_elements


@dataclass(frozen=True)
class ReshapeAttrs:
    """The output shape, every dimension known."""

    shape: Shape


@dataclass(frozen=True)
class CopyParams(Params):
    """How many bytes to copy, where a copy is needed after all."""

    struct: ClassVar[str] = "copy"

    bytes: I32


def _infer(attrs: ReshapeAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x = inputs[0]
    if x is None or x.size != math.prod(attrs.shape):
        raise Refusal(f"{x} cannot be reshaped to {list(attrs.shape)}")
    return (attrs.shape,)


def _eval_float(attrs: ReshapeAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    return (inputs[0].reshape(attrs.shape),)


def _lower(_: ReshapeAttrs, lowering: Lowering) -> CopyParams:
    x, output = lowering.input(0), lowering.outputs[0]
    require_same_elements(x, output)
    return CopyParams(bytes=x.bytes)


def _eval_int(_: CopyParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    return (inputs[0],)


RESHAPE = Op(
    name="reshape",
    attrs=ReshapeAttrs,
    infer=_infer,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=_eval_int,
    aliases=lambda _: (0,),
)
