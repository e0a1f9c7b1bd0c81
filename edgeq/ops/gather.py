"""`gather`: slices of a tensor along one axis, picked by integers.

Indices that are constant must be within the axis. Indices that are computed at run time are clamped to it, so that no
value of theirs makes the kernel read outside its input; TFLite stops with an error there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.ir import DType, Shape, TensorType
from edgeq.ops.op import I32, Array, Lowering, Op, Params, require_dtype, require_same_elements


@dataclass(frozen=True)
class GatherAttrs:
    """The axis, counted from the front, and how many leading dimensions input and indices have in common."""

    axis: int
    batch_dims: int = 0


@dataclass(frozen=True)
class GatherParams(Params):
    """The input is `batches` x `outer` x `axis_size` runs of `run_bytes` bytes, the indices are `batches` x `count`."""

    struct: ClassVar[str] = "gather"

    batches: I32
    outer: I32
    axis_size: I32
    count: I32
    run_bytes: I32


def _infer(attrs: GatherAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x, indices = inputs[:2] if len(inputs) > 1 else (None, None)
    if x is None or indices is None:
        raise Refusal("input and indices must be there")
    axis, batch = attrs.axis, attrs.batch_dims
    if not (0 <= batch <= axis < len(x.shape) and x.shape[:batch] == indices.shape[:batch]):
        raise Refusal(f"indices {indices} along axis {axis} of {x}, with {batch} dimensions in common")
    return (x.shape[:axis] + indices.shape[batch:] + x.shape[axis + 1 :],)


def _eval_float(attrs: GatherAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x, indices = inputs
    axis, batch = attrs.axis, attrs.batch_dims
    picked = np.clip(indices.astype(np.int64), 0, x.shape[axis] - 1)
    if batch == 0:
        return (x.take(picked, axis=axis),)
    inner = GatherAttrs(axis - 1, batch - 1)
    parts = [_eval_float(inner, pair)[0] for pair in zip(x, picked, strict=True)]
    return (np.stack(parts),)


def _lower(attrs: GatherAttrs, lowering: Lowering) -> GatherParams:
    x, indices = lowering.input(0), lowering.input(1)
    require_same_elements(x, lowering.outputs[0])
    require_dtype(indices, DType.S32, what="the index tensor")
    size = x.shape[attrs.axis]
    constant = lowering.constants[1]
    if constant is not None and not (constant.min() >= 0 and constant.max() < size):
        raise Refusal(f"indices {constant.min()}..{constant.max()} along an axis of {size}; accepted: 0..{size - 1}")
    return GatherParams(
        batches=math.prod(x.shape[: attrs.batch_dims]),
        outer=math.prod(x.shape[attrs.batch_dims : attrs.axis]),
        axis_size=size,
        count=math.prod(indices.shape[attrs.batch_dims :]),
        run_bytes=math.prod(x.shape[attrs.axis + 1 :]) * x.dtype.bytes,
    )


def _eval_int(params: GatherParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x, indices = inputs
    octets = np.ascontiguousarray(x).reshape(-1).view(np.uint8)
    runs = octets.reshape(params.batches, params.outer, params.axis_size, params.run_bytes)
    picked = np.clip(indices.reshape(params.batches, 1, params.count, 1), 0, params.axis_size - 1)
    gathered = np.take_along_axis(runs, picked.astype(np.int64), axis=2)
    return (np.ascontiguousarray(gathered).reshape(-1).view(x.dtype),)


GATHER = Op(
    name="gather",
    attrs=GatherAttrs,
    infer=_infer,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=_eval_int,
)
