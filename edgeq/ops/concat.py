"""`concat`: inputs side by side along one axis. Moves bytes, whatever they mean."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.ir import Shape, TensorType
from edgeq.ops.op import I32, Array, Lowering, Op, Params, S32Data, require_same_elements


@dataclass(frozen=True)
class ConcatAttrs:
    """The axis, counted from the front."""

    axis: int


@dataclass(frozen=True)
class ConcatParams(Params):
    """Each input is `outer` runs of bytes; run i of the output is run i of every input in turn.

    `run_bytes` has one entry per input.
    """

    struct: ClassVar[str] = "concat"

    count: I32
    outer: I32
    run_bytes: S32Data


def _infer(attrs: ConcatAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    shapes = [t.shape for t in inputs if t is not None]
    axis = attrs.axis
    if not shapes or any(len(s) <= axis or _without(s, axis) != _without(shapes[0], axis) for s in shapes):
        raise Refusal(f"shapes {[list(s) for s in shapes]} do not agree outside axis {axis}")
    total = sum(s[axis] for s in shapes)
    return ((*shapes[0][:axis], total, *shapes[0][axis + 1 :]),)


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


def _eval_float(attrs: ConcatAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    return (np.concatenate(inputs, axis=attrs.axis),)


def _lower(attrs: ConcatAttrs, lowering: Lowering) -> ConcatParams:
    output = lowering.outputs[0]
    types = [lowering.input(i) for i in range(len(lowering.inputs))]
    for type_ in types:
        require_same_elements(type_, output)
    runs = [math.prod(t.shape[attrs.axis :]) * t.dtype.bytes for t in types]
    return ConcatParams(len(types), math.prod(output.shape[: attrs.axis]), np.array(runs, np.int32))


def _eval_int(params: ConcatParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    runs = [np.ascontiguousarray(x).reshape(params.outer, -1) for x in inputs]
    return (np.concatenate(runs, axis=1),)


def _aliases(params: ConcatParams) -> tuple[int, ...] | None:
    """With a single run, or a single input, the inputs simply follow one another."""
    if params.outer != 1 and params.count != 1:
        return None
    ends = np.cumsum(params.run_bytes)
    return tuple(int(end - run) for end, run in zip(ends, params.run_bytes, strict=True))


CONCAT = Op(
    name="concat",
    attrs=ConcatAttrs,
    infer=_infer,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=_eval_int,
    aliases=_aliases,
)
