"""Softmax of int16 rows, to int16 and to int8, and its logarithm.

* To int16, scale 1/32768 (TFLite `reference_ops::SoftmaxInt16`): exponentials and the reciprocal of their sum are
  looked up in tables of 513 values, Q15, between which is interpolated. Differences beyond 10 count as 10, so that
  each such element takes 1/22000 of the sum for itself: short rows only are true.
* To int8, scale 1/256, zero point -128, for which no runtime has a kernel: as of int8 rows (`edgeq.ops.softmax`), but
  the exponential of a difference is the product of two table entries, one for its upper byte, one for its lower.
* The logarithm, scale 1/1024, zero point 0, for which no runtime has a kernel either: differences less the logarithm of
  the sum of such exponentials, which has 64 bits, so that rows of any length are true.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq import gemmlowp
from edgeq.errors import Refusal
from edgeq.fixedpoint import (
    INT32_MAX,
    Int64Array,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from edgeq.ir import DType, Quant, TensorType
from edgeq.ops.lookup_s16 import interpolate
from edgeq.ops.op import I32, Array, Params, S16Data, S32Data, require_dtype, require_per_tensor

_OUTPUTS = {
    DType.S16: Quant.per_tensor(2.0**-15, 0),
    DType.S8: Quant.per_tensor(2.0**-8, -128),
}

_LONGEST = {DType.S16: (1 << 16) - 1, DType.S8: (1 << 12) - 1}
"""Elements in a row, whose exponentials in Q15 (with 16 bits before the point), or Q12, add up to an int32."""

_RANGE = 10.0
"""Of differences that count, to int16."""

_LARGEST_SCALE = 5.0
"""With which the largest difference, scaled, still fits int32."""

_SUM_BITS = 12
_OUTPUT_SHIFT = 31 - 8


@dataclass(frozen=True)
class Softmax16Params(Params):
    """`multiplier` and `shift` bring a difference to 65536ths of 10; both tables are looked up as `lookup_s16` does.

    `exponentials` are of -10 .. 0, `reciprocals` of 1 + x for x in 0 .. 1.
    """

    struct: ClassVar[str] = "softmax_s16"

    rows: I32
    depth: I32
    multiplier: I32
    shift: I32
    exponentials: S16Data
    reciprocals: S16Data


@dataclass(frozen=True)
class Softmax16To8Params(Params):
    """`coarse[d >> 8] * fine[d & 255]`, both in Q0, is exp(-d) for a difference d to the row's largest element.

    Differences beyond the `count` entries of `coarse` add nothing to the sum and give the smallest output.
    """

    struct: ClassVar[str] = "softmax_s16_s8"

    rows: I32
    depth: I32
    count: I32
    coarse: S32Data
    fine: S32Data


@dataclass(frozen=True)
class LogSoftmax16Params(Params):
    """`coarse` and `fine` as in `Softmax16To8Params`; `multiplier` and `shift` bring a difference to Q6.

    Outputs of differences from `differences` on are the smallest. `logarithms`, in Q0, are of 1 + x for x in 0 .. 1.
    """

    struct: ClassVar[str] = "log_softmax_s16"

    rows: I32
    depth: I32
    multiplier: I32
    shift: I32
    differences: I32
    count: I32
    coarse: S32Data
    fine: S32Data
    logarithms: S16Data


def lower_softmax_s16(beta: float, x: TensorType, output: TensorType) -> Softmax16Params | Softmax16To8Params:
    """The integers of a softmax of rows of int16; Refusal where input, output or beta do not fit."""
    require_dtype(output, *_OUTPUTS, what="output")
    require_per_tensor(x, "input")
    if output.quant != _OUTPUTS[output.dtype]:
        raise Refusal(f"output {output}; accepted: scale and zero point {_OUTPUTS[output.dtype]}")
    depth, scale = x.shape[-1], beta * x.scale
    if depth > _LONGEST[output.dtype]:
        raise Refusal(f"rows of {depth} elements; accepted: up to {_LONGEST[output.dtype]}")
    if not 2.0**-26 < scale < _LARGEST_SCALE:
        raise Refusal(
            f"beta times the input's scale is {scale}; accepted: more than 2**-26, less than {_LARGEST_SCALE}"
        )
    if output.dtype is DType.S8:
        return _to_s8(x.size // depth, depth, scale)
    multiplier, shift = quantize_multiplier(scale / (_RANGE / 65535))
    exponentials = _table(np.exp, -_RANGE, 0.0)
    reciprocals = _table(lambda v: np.asarray(np.float32(1) / (np.float32(1) + v)), 0.0, 1.0)
    return Softmax16Params(x.size // depth, depth, multiplier, shift, exponentials, reciprocals)


def _table(function: Callable[[Array], Array], low: float, high: float) -> Array:
    """A function in Q15 with half the error that interpolation makes in the middle taken off, in float32 as there.

    Source: TFLite `LUTPopulateInt16` (kernels/internal/common.h), TFLite Micro `SoftmaxPrepare`.
    """
    step = np.float32(high - low) / np.float32(512)
    places = np.float32(low) + np.arange(513, dtype=np.float32) * step
    one = np.float32(32768)
    exact = function(places).astype(np.float32) * one
    middle = _round(function(places[:-1] + step / np.float32(2)).astype(np.float32) * one)
    straight = _round((exact[1:] + _round(exact[:-1])) / np.float32(2))
    bias = _round((straight - middle) / np.float32(2))
    table = np.append(_round(exact[:-1]) - bias, _round(exact[-1:]))
    return np.asarray(np.clip(table, *DType.S16.range), np.int16)


def _round(x: Array) -> Array:
    """Halves away from zero."""
    return np.asarray(np.copysign(np.floor(np.abs(x) + np.float32(0.5)), x), np.float32)


def eval_softmax_s16(params: Softmax16Params, x: Array) -> Array:
    """Exponentials in Q15, their sum with its highest bit split off, its reciprocal, the products."""
    x = x.reshape(params.rows, params.depth).astype(np.int64)
    scaled = multiply_by_quantized_multiplier(x - x.max(axis=1, keepdims=True), params.multiplier, params.shift)
    exponentials = interpolate(params.exponentials, np.clip(scaled + 32767, *DType.S16.range))
    sums = exponentials.sum(axis=1, keepdims=True)
    zeros = gemmlowp.leading_zeros(sums)
    mantissas = ((sums << (zeros - 1)) + (1 << 13)) >> 14
    reciprocals = interpolate(params.reciprocals, np.clip(mantissas - (1 << 15) - (1 << 16), *DType.S16.range))
    right = 31 - zeros
    return np.asarray(np.clip((exponentials * reciprocals + (np.int64(1) << (right - 1))) >> right, 0, 32767))


def _to_s8(rows: int, depth: int, scale: float) -> Softmax16To8Params:
    # What is less than half a step of the sum is less than half a step of any output.
    coarse = _exponentials(256 * scale)
    coarse = coarse[: int(np.flatnonzero(rounding_divide_by_pot(coarse, _SUM_BITS))[-1]) + 1]
    return Softmax16To8Params(rows, depth, len(coarse), coarse, _exponentials(scale))


def _exponentials(scale: float) -> Array:
    """Of 0 .. -255 in steps of `scale`, in Q0."""
    return np.asarray(np.minimum(np.rint(np.exp(-np.arange(256) * scale) * 2.0**31), INT32_MAX), np.int32)


def _split_exponentials(params: Softmax16To8Params | LogSoftmax16Params, differences: Array) -> Int64Array:
    """Of differences, in Q0."""
    coarse = np.zeros(256, np.int64)
    coarse[: params.count] = params.coarse
    fine = params.fine.astype(np.int64)
    return saturating_rounding_doubling_high_mul(coarse[differences >> 8], fine[differences & 255])


def eval_softmax_s16_s8(params: Softmax16To8Params, x: Array) -> Array:
    """The share of each exponential in the sum of its row."""
    x = x.reshape(params.rows, params.depth).astype(np.int64)
    differences = x.max(axis=1, keepdims=True) - x
    exponentials = _split_exponentials(params, differences)
    sums = rounding_divide_by_pot(exponentials, _SUM_BITS).sum(axis=1, keepdims=True)
    scale, bits = gemmlowp.reciprocal(sums, _SUM_BITS)
    quotients = saturating_rounding_doubling_high_mul(scale, exponentials)
    return np.asarray(np.minimum(rounding_divide_by_pot(quotients, bits + _OUTPUT_SHIFT), 255) - 128)


_LOG_OUTPUT = Quant.per_tensor(2.0**-10, 0)
_LOWEST = 32
"""Outputs are from -32 on, and so are the differences that count for them."""

_LOG_BITS = 25
"""Of fraction: Q6."""

_LOG_2 = round(math.log(2) * 2**_LOG_BITS)


def lower_log_softmax_s16(x: TensorType, output: TensorType) -> LogSoftmax16Params:
    """The integers of the logarithm of a softmax of rows of int16; Refusal where the output does not fit."""
    require_dtype(output, DType.S16, what="output")
    require_per_tensor(x, "input")
    if output.quant != _LOG_OUTPUT:
        raise Refusal(f"output {output}; accepted: scale and zero point {_LOG_OUTPUT}")
    multiplier, shift = quantize_multiplier(min(x.scale * 2.0**_LOG_BITS, 2.0**30 - 1))
    coarse = _exponentials(256 * x.scale)
    return LogSoftmax16Params(
        rows=x.size // x.shape[-1],
        depth=x.shape[-1],
        multiplier=multiplier,
        shift=shift,
        differences=int(min(_LOWEST / x.scale, 65535)) + 1,
        count=int(np.count_nonzero(coarse)),
        coarse=coarse[coarse > 0],
        fine=_exponentials(x.scale),
        logarithms=_table(lambda v: np.asarray(np.log1p(v.astype(np.float64))), 0.0, 1.0),
    )


def eval_log_softmax_s16(params: LogSoftmax16Params, x: Array) -> Array:
    """Differences less the logarithm of the sum of their exponentials."""
    x = x.reshape(params.rows, params.depth).astype(np.int64)
    differences = x.max(axis=1, keepdims=True) - x
    sums = _split_exponentials(params, differences).sum(axis=1, keepdims=True)
    power = np.frexp(sums.astype(np.float64))[1].astype(np.int64) - 17
    mantissas = (sums >> power) - (1 << 16)
    logarithms = interpolate(params.logarithms, mantissas + DType.S16.range[0]) << (_LOG_BITS - 15)
    counted = np.where(differences < params.differences, -differences, 0)
    scaled = multiply_by_quantized_multiplier(counted, params.multiplier, params.shift)
    steps = rounding_divide_by_pot(scaled - (power - 15) * _LOG_2 - logarithms, _LOG_BITS - 10)
    low, high = DType.S16.range
    return np.where(differences < params.differences, np.clip(steps, low, high), low)
