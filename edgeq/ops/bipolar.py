"""`bipolar`: which of two reals a value becomes, -step below a threshold and step from there on, as one bit.

What it makes is of `DType.B1`, one of the few types narrower than a byte that are computed at run time: C has such
values packed, 32 to a word, and the bits that are missing from the last word are 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.ir import DType, Shape, TensorType
from edgeq.ops.op import I32, Array, Lowering, Op, Params, require_dtype, require_per_tensor


@dataclass(frozen=True)
class BipolarAttrs:
    """In reals; the threshold lies between two integers of the input."""

    threshold: float = 0.0
    step: float = 1.0


@dataclass(frozen=True)
class BipolarParams(Params):
    """Number of elements, and the least integer that becomes 1."""

    struct: ClassVar[str] = "bipolar"

    count: I32
    threshold: I32


def _infer(_: BipolarAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    if len(inputs) != 1 or inputs[0] is None:
        raise Refusal(f"{len(inputs)} inputs; accepted: one")
    return (inputs[0].shape,)


def _eval_float(attrs: BipolarAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    return (np.where(inputs[0] >= attrs.threshold, attrs.step, -attrs.step).astype(np.float32),)


def _lower(attrs: BipolarAttrs, lowering: Lowering) -> BipolarParams:
    x, output = lowering.input(0), lowering.outputs[0]
    require_dtype(x, DType.S8)
    require_dtype(output, DType.B1, what="output")
    for type_, what in ((x, "input"), (output, "output")):
        require_per_tensor(type_, what)
    return BipolarParams(x.size, math.ceil(attrs.threshold / x.scale + x.zero_point))


def _eval_int(params: BipolarParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    return (np.where(inputs[0] >= params.threshold, 1, -1).astype(np.int8),)


BIPOLAR = Op(
    name="bipolar",
    attrs=BipolarAttrs,
    infer=_infer,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=_eval_int,
)
