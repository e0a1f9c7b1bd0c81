"""Reductions along axes: `mean`, `sum`, `reduce_max`, `reduce_min`.

Integer meaning of the first two (TFLite `reference_ops::QuantizedMeanOrSum`): the sum without zero points is
requantized once; the mean's division by the number of elements is part of the multiplier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import quantize_multiplier, requantize
from edgeq.ir import DType, Shape, TensorType
from edgeq.ops.op import I32, Array, Lowering, Op, Params, require_dtype, require_per_tensor, require_same_quant

_GROUPS = 3
"""Of neighbouring dimensions that are kept, or reduced: what ranks up to 6 can have."""

_LARGEST_COUNT = {DType.S8: 1 << 23, DType.S16: 1 << 15}
"""Elements in one sum: as many of magnitude 255, or 65535, stay within int32."""


@dataclass(frozen=True)
class ReduceAttrs:
    """The axes, counted from the front, ascending, each once; whether they stay in the shape with size 1."""

    axes: tuple[int, ...]
    keep_dims: bool = False


@dataclass(frozen=True)
class _Geometry(Params):
    """Sizes and strides, in elements, of the dimensions that are kept and of those that are reduced.

    Neighbours of the same kind are one dimension; missing ones, in front, have size 1. The outputs lie in the order
    of the kept dimensions.
    """

    kept_0: I32
    kept_1: I32
    kept_2: I32
    kept_stride_0: I32
    kept_stride_1: I32
    kept_stride_2: I32
    reduced_0: I32
    reduced_1: I32
    reduced_2: I32
    reduced_stride_0: I32
    reduced_stride_1: I32
    reduced_stride_2: I32

    def reduced_rows(self, x: Array) -> Array:
        """A view `[outputs, reduced_0, reduced_1, reduced_2]` of the elements that each output is made of."""
        sizes = (self.kept_0, self.kept_1, self.kept_2, self.reduced_0, self.reduced_1, self.reduced_2)
        strides = (
            *(self.kept_stride_0, self.kept_stride_1, self.kept_stride_2),
            *(self.reduced_stride_0, self.reduced_stride_1, self.reduced_stride_2),
        )
        flat = np.ascontiguousarray(x).reshape(-1)
        view = np.lib.stride_tricks.as_strided(flat, sizes, [s * flat.itemsize for s in strides], writeable=False)
        return view.reshape(-1, *sizes[3:])


@dataclass(frozen=True)
class SumParams(_Geometry):
    """Integers of `mean` and `sum`; `bias` takes the zero point of every element out of the sum."""

    struct: ClassVar[str] = "sum"

    bias: I32
    multiplier: I32
    shift: I32
    output_offset: I32


@dataclass(frozen=True)
class ReduceMaxParams(_Geometry):
    """Integers of `reduce_max` and `reduce_min`.

    `flip` is 0 for the largest element and -1 for the smallest: complementing every bit reverses the order.
    """

    struct: ClassVar[str] = "reduce_max"

    flip: I32


def _infer(attrs: ReduceAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x = inputs[0]
    if x is None:
        raise Refusal("the input is missing")
    if any(not 0 <= axis < len(x.shape) for axis in attrs.axes):
        raise Refusal(f"axes {list(attrs.axes)} of {x}; accepted: 0..{len(x.shape) - 1}")
    if attrs.keep_dims:
        return (tuple(1 if axis in attrs.axes else size for axis, size in enumerate(x.shape)),)
    return (tuple(size for axis, size in enumerate(x.shape) if axis not in attrs.axes),)


def _geometry(shape: Shape, axes: tuple[int, ...]) -> dict[str, int]:
    """The fields of `_Geometry`."""
    groups: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    dimensions = [(axis in axes, size) for axis, size in enumerate(shape) if size > 1]
    stride = 1
    for reduced, members in groupby(reversed(dimensions), key=lambda d: d[0]):
        size = int(np.prod([n for _, n in members]))
        groups[reduced].insert(0, (size, stride))
        stride *= size
    fields: dict[str, int] = {}
    for name, found in (("kept", groups[False]), ("reduced", groups[True])):
        if len(found) > _GROUPS:
            raise Refusal(f"axes {list(axes)} of shape {list(shape)}; accepted: up to {_GROUPS} groups of neighbours")
        padded = [(1, 0)] * (_GROUPS - len(found)) + found
        fields |= {f"{name}_{i}": size for i, (size, _) in enumerate(padded)}
        fields |= {f"{name}_stride_{i}": stride for i, (_, stride) in enumerate(padded)}
    return fields


def _lower_sum(attrs: ReduceAttrs, lowering: Lowering) -> SumParams:
    multiplier, shift = quantize_multiplier(_rescale(lowering))
    return _sum_params(attrs, lowering, multiplier, shift)


def _lower_mean(attrs: ReduceAttrs, lowering: Lowering) -> SumParams:
    """Divide the multiplier by the count, normalized by a shift as long as the right shift stays below 32."""
    multiplier, shift = quantize_multiplier(_rescale(lowering))
    count = _count(attrs, lowering.input(0))
    normalization = min(count.bit_length() - 1, 31 + shift)
    return _sum_params(attrs, lowering, (multiplier << normalization) // count, shift - normalization)


def _rescale(lowering: Lowering) -> float:
    """Output steps per input step."""
    x, output = lowering.input(0), lowering.outputs[0]
    require_dtype(x, DType.S8, DType.S16)
    require_dtype(output, x.dtype, what="output")
    for type_, what in ((x, "input"), (output, "output")):
        require_per_tensor(type_, what)
    return x.scale / output.scale


def _count(attrs: ReduceAttrs, x: TensorType) -> int:
    count = int(np.prod([x.shape[axis] for axis in attrs.axes], dtype=np.int64))
    if count > _LARGEST_COUNT[x.dtype]:
        raise Refusal(f"{count} elements are reduced to one; accepted: up to {_LARGEST_COUNT[x.dtype]}")
    return count


def _sum_params(attrs: ReduceAttrs, lowering: Lowering, multiplier: int, shift: int) -> SumParams:
    x, output = lowering.input(0), lowering.outputs[0]
    count = _count(attrs, x)
    return SumParams(
        **_geometry(x.shape, attrs.axes),
        bias=-x.zero_point * count,
        multiplier=multiplier,
        shift=shift,
        output_offset=output.zero_point,
    )


def _eval_sum(params: SumParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    sums = params.reduced_rows(inputs[0]).sum(axis=(1, 2, 3), dtype=np.int64) + params.bias
    low, high = DType.of(inputs[0].dtype).range
    return (requantize(sums, params.multiplier, params.shift, params.output_offset, low, high),)


def _lower_max(attrs: ReduceAttrs, lowering: Lowering) -> ReduceMaxParams:
    return _max_params(attrs, lowering, flip=0)


def _lower_min(attrs: ReduceAttrs, lowering: Lowering) -> ReduceMaxParams:
    return _max_params(attrs, lowering, flip=-1)


def _max_params(attrs: ReduceAttrs, lowering: Lowering, *, flip: int) -> ReduceMaxParams:
    x = lowering.input(0)
    require_dtype(x, DType.S8, DType.S16)
    require_dtype(lowering.outputs[0], x.dtype, what="output")
    require_same_quant(x, lowering.outputs[0], "input and output")
    return ReduceMaxParams(**_geometry(x.shape, attrs.axes), flip=flip)


def _eval_max(params: ReduceMaxParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    flip = inputs[0].dtype.type(params.flip)
    return (params.reduced_rows(inputs[0] ^ flip).max(axis=(1, 2, 3)) ^ flip,)


MEAN = Op(
    name="mean",
    attrs=ReduceAttrs,
    infer=_infer,
    eval_float=lambda attrs, inputs: (np.mean(inputs[0], axis=attrs.axes, keepdims=attrs.keep_dims),),
    lower=_lower_mean,
    eval_int=_eval_sum,
)

SUM = Op(
    name="sum",
    attrs=ReduceAttrs,
    infer=_infer,
    eval_float=lambda attrs, inputs: (np.sum(inputs[0], axis=attrs.axes, keepdims=attrs.keep_dims),),
    lower=_lower_sum,
    eval_int=_eval_sum,
)

REDUCE_MAX = Op(
    name="reduce_max",
    attrs=ReduceAttrs,
    infer=_infer,
    eval_float=lambda attrs, inputs: (np.max(inputs[0], axis=attrs.axes, keepdims=attrs.keep_dims),),
    lower=_lower_max,
    eval_int=_eval_max,
)

REDUCE_MIN = Op(
    name="reduce_min",
    attrs=ReduceAttrs,
    infer=_infer,
    eval_float=lambda attrs, inputs: (np.min(inputs[0], axis=attrs.axes, keepdims=attrs.keep_dims),),
    lower=_lower_min,
    eval_int=_eval_max,
)
