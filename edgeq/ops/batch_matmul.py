"""`batch_matmul`: products of matrices, `y[..., m, n] = sum(lhs[..., m, k] * rhs[..., k, n])`, batches broadcast.

Integer meaning: TFLite Micro `reference_ops::BatchMatMul`, with int32 sums for int8 and int64 sums for int16. The right
matrix may have elements of 4 bits, whatever those of the left one, if it is constant.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import requantize, requantize64
from edgeq.ir import DType, Shape, TensorType
from edgeq.ops.activation import Activation, quantized_bounds
from edgeq.ops.filters import (
    largest_step,
    multipliers,
    multipliers64,
    require_int32,
    require_int48,
    require_symmetric,
)
from edgeq.ops.op import I32, Array, Lowering, Op, Params, require_dtype, require_per_tensor

_RANKS = range(2, 6)

_WIDE = (DType.S8, DType.S16)
_ACCEPTED = {"left matrix": _WIDE, "right matrix": (*_WIDE, DType.S4), "output": _WIDE}
"""Element types."""


@dataclass(frozen=True)
class BatchMatmulAttrs:
    """Which operand is stored with its last two dimensions exchanged, and what happens to the sums."""

    adj_x: bool = False
    adj_y: bool = False
    activation: Activation = Activation.NONE


@dataclass(frozen=True)
class BatchMatmulParams(Params):
    """Integers of a batch of matrix products.

    Three batch dimensions; `lhs_step*` and `rhs_step*` are the elements from one matrix of that dimension to the
    next, 0 where it is broadcast. The other steps go from one row, column or product term to the next. For int16
    operands the offsets of both are 0 and the multiplier is in Q15.
    """

    struct: ClassVar[str] = "batch_matmul"

    batch0: I32
    batch1: I32
    batch2: I32
    rows: I32
    depth: I32
    cols: I32
    lhs_step0: I32
    lhs_step1: I32
    lhs_step2: I32
    lhs_row_step: I32
    lhs_depth_step: I32
    rhs_step0: I32
    rhs_step1: I32
    rhs_step2: I32
    rhs_depth_step: I32
    rhs_col_step: I32
    lhs_offset: I32
    rhs_offset: I32
    output_offset: I32
    multiplier: I32
    shift: I32
    act_min: I32
    act_max: I32


def _infer(attrs: BatchMatmulAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    lhs, rhs = (*inputs, None, None)[:2]
    if lhs is None or rhs is None:
        raise Refusal("both matrices must be there")
    if len(lhs.shape) not in _RANKS or len(rhs.shape) not in _RANKS:
        raise Refusal(f"matrices {lhs} and {rhs}; accepted: ranks 2 to 5")
    rows, depth = _matrix(lhs.shape, attrs.adj_x)
    rhs_depth, cols = _matrix(rhs.shape, attrs.adj_y)
    if depth != rhs_depth:
        raise Refusal(f"matrices {lhs} and {rhs} differ in the dimension that is summed: {depth} and {rhs_depth}")
    try:
        batch = np.broadcast_shapes(lhs.shape[:-2], rhs.shape[:-2])
    except ValueError as error:
        raise Refusal(f"the batches of {lhs} and {rhs} cannot be broadcast") from error
    return ((*batch, rows, cols),)


def _matrix(shape: Shape, adjoint: bool) -> tuple[int, int]:
    return (shape[-1], shape[-2]) if adjoint else (shape[-2], shape[-1])


def _product(lhs: Array, rhs: Array) -> Array:
    """In float64, where BLAS does the work: exact for integers as long as the sums stay below 2**53."""
    return np.asarray(lhs.astype(np.float64) @ rhs.astype(np.float64))


def _eval_float(attrs: BatchMatmulAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    lhs = inputs[0].swapaxes(-1, -2) if attrs.adj_x else inputs[0]
    rhs = inputs[1].swapaxes(-1, -2) if attrs.adj_y else inputs[1]
    return (attrs.activation.apply(lhs @ rhs),)


def _lower(attrs: BatchMatmulAttrs, lowering: Lowering) -> BatchMatmulParams:
    lhs, rhs, output = lowering.input(0), lowering.input(1), lowering.outputs[0]
    for type_, what in ((lhs, "left matrix"), (rhs, "right matrix"), (output, "output")):
        require_dtype(type_, *_ACCEPTED[what], what=what)
        require_per_tensor(type_, what)
        require_symmetric(type_, what)
    if rhs.dtype is DType.S4:
        _require_packed(lowering)
    elif lhs.dtype is not rhs.dtype:
        raise Refusal(f"matrices of {lhs.dtype.value} and {rhs.dtype.value}; accepted: two of the same type")
    rows, depth = _matrix(lhs.shape, attrs.adj_x)
    _, cols = _matrix(rhs.shape, attrs.adj_y)
    wide = lhs.dtype is DType.S16
    (require_int48 if wide else require_int32)(depth * largest_step(lhs) * largest_step(rhs))
    multiplier, shift = (multipliers64 if wide else multipliers)(lhs, [rhs.scale], output)
    low, high = quantized_bounds(attrs.activation, output)
    batch = _three(output.shape[:-2], 1)
    lhs_steps, rhs_steps = _batch_steps(lhs.shape), _batch_steps(rhs.shape)
    return BatchMatmulParams(
        batch0=batch[0],
        batch1=batch[1],
        batch2=batch[2],
        rows=rows,
        depth=depth,
        cols=cols,
        lhs_step0=lhs_steps[0],
        lhs_step1=lhs_steps[1],
        lhs_step2=lhs_steps[2],
        lhs_row_step=1 if attrs.adj_x else depth,
        lhs_depth_step=rows if attrs.adj_x else 1,
        rhs_step0=rhs_steps[0],
        rhs_step1=rhs_steps[1],
        rhs_step2=rhs_steps[2],
        rhs_depth_step=1 if attrs.adj_y else cols,
        rhs_col_step=depth if attrs.adj_y else 1,
        lhs_offset=-lhs.zero_point,
        rhs_offset=-rhs.zero_point,
        output_offset=output.zero_point,
        multiplier=int(multiplier[0]),
        shift=int(shift[0]),
        act_min=low,
        act_max=high,
    )


def _require_packed(lowering: Lowering) -> None:
    """Refuse a right matrix of 4 bits that is computed, or has a zero point beside 16 bits."""
    rhs = lowering.input(1)
    lowering.constant(1, f"a right matrix of {rhs.dtype.value}")
    if rhs.zero_point != 0:
        raise Refusal(f"a right matrix of 4 bits with zero point {rhs.zero_point}; accepted: 0")


def _three(values: tuple[int, ...], fill: int) -> tuple[int, ...]:
    return (fill,) * (3 - len(values)) + values


def _batch_steps(shape: Shape) -> tuple[int, ...]:
    """Elements from one matrix to the next along each of three batch dimensions, 0 where there is only one."""
    batch, size = _three(shape[:-2], 1), shape[-2] * shape[-1]
    return tuple(0 if n == 1 else size * math.prod(batch[i + 1 :]) for i, n in enumerate(batch))


def _eval_int(params: BatchMatmulParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    p = params
    batch = p.batch0, p.batch1, p.batch2
    lhs_steps = p.lhs_step0, p.lhs_step1, p.lhs_step2, p.lhs_row_step, p.lhs_depth_step
    rhs_steps = p.rhs_step0, p.rhs_step1, p.rhs_step2, p.rhs_depth_step, p.rhs_col_step
    lhs = _view(inputs[0].astype(np.int64) + p.lhs_offset, (*batch, p.rows, p.depth), lhs_steps)
    rhs = _view(inputs[1].astype(np.int64) + p.rhs_offset, (*batch, p.depth, p.cols), rhs_steps)
    acc = _product(lhs, rhs).astype(np.int64)
    output_stage = requantize64 if inputs[0].dtype == np.int16 else requantize
    return (output_stage(acc, p.multiplier, p.shift, p.output_offset, p.act_min, p.act_max),)


def _view(x: Array, shape: Shape, steps: tuple[int, ...]) -> Array:
    flat = np.ascontiguousarray(x)
    return np.lib.stride_tricks.as_strided(flat, shape, tuple(s * x.itemsize for s in steps), writeable=False)


def _macs(params: BatchMatmulParams) -> int:
    return math.prod((params.batch0, params.batch1, params.batch2, params.rows, params.depth, params.cols))


BATCH_MATMUL = Op(
    name="batch_matmul",
    attrs=BatchMatmulAttrs,
    infer=_infer,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=_eval_int,
    macs=_macs,
)
