"""`softmax` and `log_softmax` over the last axis.

Integer meaning (TFLite `reference_ops::Softmax`, `reference_ops::LogSoftmax`): an element counts by its difference
to the largest of its row, of which an int8 row has 256 at most. The exponentials of all differences are a table; only
the reciprocal, or the logarithm, of a row's sum is left for run time. int16 rows: `edgeq.ops.softmax_s16`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq import gemmlowp
from edgeq.errors import Refusal
from edgeq.fixedpoint import (
    Int64Array,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from edgeq.ir import DType, Quant, Shape, TensorType
from edgeq.ops.op import I32, Array, Lowering, Op, Params, S32Data, require_dtype, require_per_tensor
from edgeq.ops.softmax_s16 import (
    LogSoftmax16Params,
    Softmax16Params,
    Softmax16To8Params,
    eval_log_softmax_s16,
    eval_softmax_s16,
    eval_softmax_s16_s8,
    lower_log_softmax_s16,
    lower_softmax_s16,
)

_DIFFERENCE_BITS = 5
"""Differences are in Q5: exp(-32) is nothing."""

_SUM_BITS = 12
"""Sums of exponentials are in Q12, which holds rows up to the following length."""

_LONGEST_ROW = (1 << _SUM_BITS) - 1

_OUTPUTS = {
    DType.S8: Quant.per_tensor(2.0**-8, -128),
    DType.S16: Quant.per_tensor(2.0**-16, -32768),
}
_LOG_OUTPUT = Quant.per_tensor(2.0**-4, 127)


@dataclass(frozen=True)
class SoftmaxAttrs:
    """`beta` multiplies the inputs."""

    beta: float = 1.0


@dataclass(frozen=True)
class LogSoftmaxAttrs:
    """None."""


@dataclass(frozen=True)
class SoftmaxParams(Params):
    """`exponentials` holds exp(-d) in Q0 for each difference d to the row's largest element.

    Differences beyond the table add nothing to the sum and give the smallest output. A quotient in Q0 has
    `output_shift` bits more than an output.
    """

    struct: ClassVar[str] = "softmax"

    rows: I32
    depth: I32
    output_shift: I32
    differences: I32
    exponentials: S32Data


@dataclass(frozen=True)
class LogSoftmaxParams(Params):
    """As in `SoftmaxParams`; `multiplier` and `shift` bring a difference to Q5."""

    struct: ClassVar[str] = "log_softmax"

    rows: I32
    depth: I32
    multiplier: I32
    shift: I32
    differences: I32
    exponentials: S32Data


def _infer(_: SoftmaxAttrs | LogSoftmaxAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x = inputs[0]
    if x is None or not x.shape:
        raise Refusal(f"input {x}; accepted: a tensor of rank 1 or more")
    return (x.shape,)


def _eval_softmax_float(attrs: SoftmaxAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x = attrs.beta * inputs[0]
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return (exponentials / exponentials.sum(axis=-1, keepdims=True),)


def _eval_log_softmax_float(_: LogSoftmaxAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x = inputs[0] - inputs[0].max(axis=-1, keepdims=True)
    return (x - np.log(np.exp(x).sum(axis=-1, keepdims=True)),)


@dataclass(frozen=True)
class _Differences:
    """All differences that TFLite does not skip, 0 first, in Q5 and their exponentials in Q0."""

    multiplier: int
    shift: int
    scaled: Int64Array
    exponentials: Int64Array


def _differences(scale: float) -> _Differences:
    """Scale the differences of inputs with this scale.

    Source: TFLite `PreprocessSoftmaxScaling`, `CalculateInputRadius` (kernels/internal/quantization_util.cc): none is
    scaled beyond -31.

    Raises:
        Refusal: where the scale leaves a difference of 1 without a bit.
    """
    real = min(scale * 2.0 ** (31 - _DIFFERENCE_BITS), 2.0**31 - 1)
    if not real > 1:
        raise Refusal(f"beta times the input's scale is {scale}; accepted: more than 2**-26")
    multiplier, shift = quantize_multiplier(real)
    largest = int(31 * 2.0 ** (31 - _DIFFERENCE_BITS) / 2.0**shift)
    scaled = multiply_by_quantized_multiplier(-np.arange(min(largest, 255) + 1), multiplier, shift)
    return _Differences(multiplier, shift, scaled, gemmlowp.exp_on_negative_values(scaled, _DIFFERENCE_BITS))


def _rows(lowering: Lowering) -> tuple[int, int]:
    """Number of rows, and their length."""
    x = lowering.input(0)
    require_dtype(x, DType.S8)
    require_per_tensor(x, "input")
    depth = x.shape[-1]
    if depth > _LONGEST_ROW:
        raise Refusal(f"rows of {depth} elements; accepted: up to {_LONGEST_ROW}")
    return x.size // depth, depth


def _require_quant(output: TensorType, wanted: Quant) -> None:
    if output.quant != wanted:
        raise Refusal(f"output {output}; accepted: scale and zero point {wanted}")


def _lower_softmax(attrs: SoftmaxAttrs, lowering: Lowering) -> SoftmaxParams | Softmax16Params | Softmax16To8Params:
    output = lowering.outputs[0]
    if lowering.input(0).dtype is DType.S16:
        return lower_softmax_s16(attrs.beta, lowering.input(0), output)
    require_dtype(output, *_OUTPUTS, what="output")
    _require_quant(output, _OUTPUTS[output.dtype])
    rows, depth = _rows(lowering)
    exponentials = _differences(attrs.beta * lowering.input(0).scale).exponentials
    # What is less than half a step of the sum is less than half a step of any output.
    count = int(np.flatnonzero(rounding_divide_by_pot(exponentials, _SUM_BITS))[-1]) + 1
    return SoftmaxParams(rows, depth, 31 - 8 * output.dtype.bytes, count, exponentials[:count].astype(np.int32))


def _lower_log_softmax(_: LogSoftmaxAttrs, lowering: Lowering) -> LogSoftmaxParams | LogSoftmax16Params:
    output = lowering.outputs[0]
    if lowering.input(0).dtype is DType.S16:
        return lower_log_softmax_s16(lowering.input(0), output)
    require_dtype(output, DType.S8, what="output")
    _require_quant(output, _LOG_OUTPUT)
    rows, depth = _rows(lowering)
    found = _differences(lowering.input(0).scale)
    # From -16 on, in Q5, the output is the smallest and the exponential nothing.
    count = int(np.count_nonzero(found.scaled > -(16 << 26)))
    exponentials = found.exponentials[:count].astype(np.int32)
    return LogSoftmaxParams(rows, depth, found.multiplier, found.shift, count, exponentials)


def _sums(params: SoftmaxParams | LogSoftmaxParams, x: Array) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Differences to each row's largest element, their exponentials in Q0, and each row's sum in Q12."""
    x = x.reshape(params.rows, params.depth).astype(np.int64)
    differences = x.max(axis=1, keepdims=True) - x
    table = np.zeros(256, np.int64)
    table[: params.differences] = params.exponentials
    exponentials = table[differences]
    return differences, exponentials, rounding_divide_by_pot(exponentials, _SUM_BITS).sum(axis=1, keepdims=True)


def _eval_softmax(
    params: SoftmaxParams | Softmax16Params | Softmax16To8Params, inputs: Sequence[Any]
) -> tuple[Array, ...]:
    match params:
        case Softmax16Params():
            return (eval_softmax_s16(params, inputs[0]),)
        case Softmax16To8Params():
            return (eval_softmax_s16_s8(params, inputs[0]),)
        case SoftmaxParams():
            return (_eval_softmax_s8(params, inputs[0]),)


def _eval_softmax_s8(params: SoftmaxParams, x: Array) -> Array:
    _, exponentials, sums = _sums(params, x)
    scale, bits = gemmlowp.reciprocal(sums, _SUM_BITS)
    quotients = saturating_rounding_doubling_high_mul(scale, exponentials)
    steps = rounding_divide_by_pot(quotients, bits + params.output_shift)
    count = 1 << (31 - params.output_shift)
    return np.asarray(np.minimum(steps, count - 1) - count // 2)


def _eval_log_softmax(params: LogSoftmaxParams | LogSoftmax16Params, inputs: Sequence[Any]) -> tuple[Array, ...]:
    if isinstance(params, LogSoftmax16Params):
        return (eval_log_softmax_s16(params, inputs[0]),)
    differences, _, sums = _sums(params, inputs[0])
    scaled = multiply_by_quantized_multiplier(-differences, params.multiplier, params.shift)
    logarithms = scaled - gemmlowp.log_x_for_x_greater_than_or_equal_to_1(sums)
    steps = rounding_divide_by_pot(logarithms, 26 - 4)
    clamped = np.clip(steps + 127, -128, 127)
    return (np.where(differences < params.differences, clamped, -128).astype(np.int8),)


SOFTMAX = Op(
    name="softmax",
    attrs=SoftmaxAttrs,
    infer=_infer,
    eval_float=_eval_softmax_float,
    lower=_lower_softmax,
    eval_int=_eval_softmax,
)

LOG_SOFTMAX = Op(
    name="log_softmax",
    attrs=LogSoftmaxAttrs,
    infer=_infer,
    eval_float=_eval_log_softmax_float,
    lower=_lower_log_softmax,
    eval_int=_eval_log_softmax,
)
