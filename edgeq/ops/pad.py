"""`pad`: a border of one value around a tensor.

The value is the optional second input, a constant of one element with the input's type; without it the
border is real 0: the zero point.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.ir import Shape, TensorType
from edgeq.ops.op import I32, Array, Lowering, Op, Params, S32Data, U8Data, require_same_elements
from edgeq.ops.strided_copy import collapse, element_strides


@dataclass(frozen=True)
class PadAttrs:
    """Per dimension: how many elements are added before and after."""

    before: Shape
    after: Shape


@dataclass(frozen=True)
class PadParams(Params):
    """Runs of `run_bytes` bytes, `extents` of them, one after the other in the input.

    Run [i0, i1, ...] goes `offset + i0 * strides[0] + i1 * strides[1] + ...` bytes into the output; what is left of
    the output's `out_bytes` repeats the `element_bytes` bytes of `value`.
    """

    struct: ClassVar[str] = "pad"

    rank: I32
    run_bytes: I32
    offset: I32
    out_bytes: I32
    element_bytes: I32
    extents: S32Data
    strides: S32Data
    value: U8Data


def padded_shape(before: Shape, after: Shape, x: TensorType | None) -> Shape:
    """The shape of `x` with a border; Refusal where the border does not fit its rank."""
    if x is None or not len(x.shape) == len(before) == len(after):
        raise Refusal(f"paddings of {len(before)} dimensions around {x}")
    if min((*before, *after), default=0) < 0:
        raise Refusal(f"paddings {list(before)} before and {list(after)} after; accepted: 0 and more")
    return tuple(b + n + a for b, n, a in zip(before, x.shape, after, strict=True))


def _infer(attrs: PadAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    value = inputs[1] if len(inputs) > 1 else None
    if value is not None and value.size != 1:
        raise Refusal(f"the padding value is {value}; accepted: one element")
    return (padded_shape(attrs.before, attrs.after, inputs[0]),)


def _eval_float(attrs: PadAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    value = inputs[1] if len(inputs) > 1 and inputs[1] is not None else np.float32(0)
    widths = tuple(zip(attrs.before, attrs.after, strict=True))
    return (np.pad(inputs[0], widths, constant_values=np.asarray(value).reshape(-1)[0]) if widths else inputs[0],)


def _lower(attrs: PadAttrs, lowering: Lowering) -> PadParams:
    x, output = lowering.input(0), lowering.outputs[0]
    require_same_elements(x, output)
    dense = element_strides(output.shape)
    runs = collapse(x.shape, dense, x.dtype.bytes)
    return PadParams(
        rank=len(runs.extents),
        run_bytes=runs.bytes,
        offset=sum(b * d for b, d in zip(attrs.before, dense, strict=True)) * x.dtype.bytes,
        out_bytes=output.bytes,
        element_bytes=x.dtype.bytes,
        extents=np.array(runs.extents, np.int32),
        strides=np.array(runs.strides, np.int32),
        value=_border(x, lowering).view(np.uint8),
    )


def _border(x: TensorType, lowering: Lowering) -> Array:
    """The one element that the border repeats."""
    value = lowering.optional(1, "the padding value")
    if value is None:
        return np.array([x.zero_point if x.quant else 0], x.dtype.numpy)
    type_ = lowering.input(1)
    if (type_.dtype, type_.quant) != (x.dtype, x.quant):
        raise Refusal(f"input {x} is padded with a value of {type_}; they must share type, scale and zero point")
    return value.reshape(1)


def _eval_int(params: PadParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x = inputs[0]
    octets = np.tile(params.value, params.out_bytes // params.element_bytes)
    runs = np.lib.stride_tricks.as_strided(
        octets[params.offset :], (*params.extents, params.run_bytes), (*params.strides, 1)
    )
    runs[...] = np.ascontiguousarray(x).reshape(-1).view(np.uint8).reshape(runs.shape)
    return (octets.view(x.dtype),)


PAD = Op(
    name="pad",
    attrs=PadAttrs,
    infer=_infer,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=_eval_int,
    operands=1,
    aliases=lambda params: (0,) if params.run_bytes == params.out_bytes else None,
)
