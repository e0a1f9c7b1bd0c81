"""`requantize`: the same reals in other integers, with another scale, zero point or element type.

Integer meaning (TFLite `reference_ops::Requantize`): the distance from the input's zero point is scaled with two
roundings, the output's zero point is added, the sum saturates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from edgeq import fixedpoint
from edgeq.errors import Refusal
from edgeq.fixedpoint import quantize_multiplier
from edgeq.ir import DType, Shape, TensorType
from edgeq.ops.op import I32, Array, Lowering, Op, Params, require_per_tensor

_PAIRS = (
    (DType.S8, DType.S8),
    (DType.S8, DType.U8),
    (DType.U8, DType.S8),
    (DType.S8, DType.S16),
    (DType.S16, DType.S8),
    (DType.S16, DType.S16),
)
"""Element types before and after. Within a graph uint8 does not occur, only at its ports."""


@dataclass(frozen=True)
class RequantizeAttrs:
    """Nothing: the types of input and output say all."""


@dataclass(frozen=True)
class RequantizeParams(Params):
    """`output = clamp(scale(input + input_offset) + output_offset)`; the clamp is the range of the output's type."""

    struct: ClassVar[str] = "requantize"

    count: I32
    input_offset: I32
    multiplier: I32
    shift: I32
    output_offset: I32
    out_min: I32
    out_max: I32


def same_shape(_: object, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    """Infer of an op with one input and an output of its shape."""
    if len(inputs) != 1 or inputs[0] is None:
        raise Refusal(f"{len(inputs)} inputs; accepted: one")
    return (inputs[0].shape,)


def same_reals(_: object, inputs: Sequence[Any]) -> tuple[Array, ...]:
    """Float meaning of an op that changes only how reals are written down."""
    return (inputs[0],)


def _lower(_: RequantizeAttrs, lowering: Lowering) -> RequantizeParams:
    x, output = lowering.input(0), lowering.outputs[0]
    require_per_tensor(x, "input")
    require_per_tensor(output, "output")
    if (x.dtype, output.dtype) not in _PAIRS:
        pairs = ", ".join(f"{a.value} to {b.value}" for a, b in _PAIRS)
        raise Refusal(f"requantizes {x.dtype.value} to {output.dtype.value}; accepted: {pairs}")
    multiplier, shift = quantize_multiplier(x.scale / output.scale)
    low, high = output.dtype.range
    return RequantizeParams(
        count=x.size,
        input_offset=-x.zero_point,
        multiplier=multiplier,
        shift=shift,
        output_offset=output.zero_point,
        out_min=low,
        out_max=high,
    )


def _eval_int(params: RequantizeParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    return (
        fixedpoint.requantize(
            inputs[0].astype("int64") + params.input_offset,
            params.multiplier,
            params.shift,
            params.output_offset,
            params.out_min,
            params.out_max,
        ),
    )


REQUANTIZE = Op(
    name="requantize",
    attrs=RequantizeAttrs,
    infer=same_shape,
    eval_float=same_reals,
    lower=_lower,
    eval_int=_eval_int,
)
