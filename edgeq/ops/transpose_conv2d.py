"""`transpose_conv2d`: each input position adds its weighted copy of the kernel to the output, `stride` apart.

Integer meaning: TFLite `reference_integer_ops::TransposeConv`, with int32 sums for int8 inputs and int64 sums for
int16 inputs.
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
    channel_scales,
    int32_bias,
    int64_bias,
    largest_step,
    multipliers,
    multipliers64,
    require_int32_sums,
    require_int48_sums,
    require_symmetric,
    require_symmetric_weights,
    weight_offset,
)
from edgeq.ops.op import (
    I32,
    Array,
    Lowering,
    Op,
    Params,
    S8Data,
    S16Data,
    S32Data,
    S64Data,
    require_dtype,
    require_per_tensor,
)
from edgeq.ops.windows import Pair, nhwc


@dataclass(frozen=True)
class TransposeConv2dAttrs:
    """Geometry of a transposed convolution.

    Attributes:
        size: height and width of the output; what the kernels add beyond it is lost.
        stride: rows and columns between the kernels of neighbouring input positions.
        padding: rows above and columns left of the output that the first kernels add to and that are lost.
        activation: clamp on the output.
    """

    size: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    activation: Activation = Activation.NONE


@dataclass(frozen=True)
class TransposeConvGeometry(Params):
    """Sizes of a transposed convolution; weights are `[out_c, kernel_h, kernel_w, in_c]`."""

    batches: I32
    in_h: I32
    in_w: I32
    in_c: I32
    out_h: I32
    out_w: I32
    out_c: I32
    kernel_h: I32
    kernel_w: I32
    stride_h: I32
    stride_w: I32
    pad_top: I32
    pad_left: I32


@dataclass(frozen=True)
class TransposeConv2dParams(TransposeConvGeometry):
    """Integers of a transposed convolution with int8 inputs."""

    struct: ClassVar[str] = "transpose_conv2d"

    input_offset: I32
    weight_offset: I32
    output_offset: I32
    act_min: I32
    act_max: I32
    weights: S8Data
    bias: S32Data
    multiplier: S32Data
    shift: S8Data


@dataclass(frozen=True)
class TransposeConv2dS16Params(TransposeConvGeometry):
    """The same with int16 inputs, whose zero point is 0: sums of 64 bits, multipliers in Q15."""

    struct: ClassVar[str] = "transpose_conv2d_s16"

    output_offset: I32
    act_min: I32
    act_max: I32
    weights: S8Data
    bias: S64Data
    multiplier: S16Data
    shift: S8Data


def _infer(attrs: TransposeConv2dAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x, weights, bias = (*inputs, None, None, None)[:3]
    if x is None or weights is None:
        raise Refusal("input and weights must be there")
    if len(x.shape) != 4 or len(weights.shape) != 4 or x.shape[3] != weights.shape[3]:
        raise Refusal(f"weights {weights} do not fit input {x}; expected rank 4 and the same channels")
    out_c = weights.shape[0]
    if bias is not None and bias.size != out_c:
        raise Refusal(f"bias {bias} does not fit {out_c} output channels")
    if min(attrs.size) < 1 or min(attrs.stride) < 1 or min(attrs.padding) < 0:
        raise Refusal(f"{attrs} has a size or stride below 1, or a negative padding")
    for n, size, stride, pad in zip(x.shape[1:3], attrs.size, attrs.stride, attrs.padding, strict=True):
        if (n - 1) * stride - pad >= size:
            raise Refusal(f"{n} input positions at stride {stride} do not fit an output of {size}")
    return ((x.shape[0], *attrs.size, out_c),)


def _scatter(x: Array, weights: Array, attrs: TransposeConv2dAttrs) -> Array:
    """Sums of products `[batch, out_h, out_w, out_c]`.

    In float64, where BLAS does the work: exact for integers as long as the sums stay below 2**53.
    """
    x, weights = x.astype(np.float64), weights.astype(np.float64)
    sums = np.zeros((x.shape[0], *attrs.size, weights.shape[0]))
    for ky in range(weights.shape[1]):
        rows = np.arange(x.shape[1]) * attrs.stride[0] + ky - attrs.padding[0]
        ys = np.flatnonzero((rows >= 0) & (rows < attrs.size[0]))
        for kx in range(weights.shape[2]):
            cols = np.arange(x.shape[2]) * attrs.stride[1] + kx - attrs.padding[1]
            xs = np.flatnonzero((cols >= 0) & (cols < attrs.size[1]))
            sums[:, rows[ys][:, None], cols[xs]] += x[:, ys[:, None], xs] @ weights[:, ky, kx].T
    return sums


def _eval_float(attrs: TransposeConv2dAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    sums = _scatter(inputs[0], inputs[1], attrs)
    if len(inputs) > 2 and inputs[2] is not None:
        sums = sums + inputs[2].reshape(-1)
    return (attrs.activation.apply(sums).astype(np.float32),)


_AnyParams = TransposeConv2dParams | TransposeConv2dS16Params


def _lower(attrs: TransposeConv2dAttrs, lowering: Lowering) -> _AnyParams:
    x, output = lowering.input(0), lowering.outputs[0]
    for type_, what in ((x, "input"), (output, "output")):
        require_dtype(type_, DType.S8, DType.S16, what=what)
        require_per_tensor(type_, what)
        require_symmetric(type_, what)
    return _lower_s16(attrs, lowering) if x.dtype is DType.S16 else _lower_s8(attrs, lowering)


def _lower_s8(attrs: TransposeConv2dAttrs, lowering: Lowering) -> TransposeConv2dParams:
    x, weight_type, output = lowering.input(0), lowering.input(1), lowering.outputs[0]
    weights = lowering.constant(1, "the filter")
    multiplier, shift = multipliers(x, channel_scales(weight_type, 0), output)
    offset = weight_offset(weight_type)
    require_int32_sums(weights.astype(np.int32) + offset, (1, 2, 3), largest_step(x))
    bias = lowering.optional(2, "the bias")
    low, high = quantized_bounds(attrs.activation, output)
    return TransposeConv2dParams(
        **_sizes(attrs, x, weights, output),
        input_offset=-x.zero_point,
        weight_offset=offset,
        output_offset=output.zero_point,
        act_min=low,
        act_max=high,
        weights=weights,
        bias=np.zeros(len(weights), np.int32) if bias is None else int32_bias(bias).reshape(-1),
        multiplier=multiplier,
        shift=shift,
    )


def _lower_s16(attrs: TransposeConv2dAttrs, lowering: Lowering) -> TransposeConv2dS16Params:
    x, weight_type, output = lowering.input(0), lowering.input(1), lowering.outputs[0]
    weights = lowering.constant(1, "the filter")
    multiplier, shift = multipliers64(x, channel_scales(weight_type, 0), output)
    require_symmetric_weights(weight_type)
    bias = int64_bias(lowering.optional(2, "the bias"), len(weights))
    require_int48_sums(weights, (1, 2, 3), largest_step(x), bias)
    low, high = quantized_bounds(attrs.activation, output)
    return TransposeConv2dS16Params(
        **_sizes(attrs, x, weights, output),
        output_offset=output.zero_point,
        act_min=low,
        act_max=high,
        weights=weights,
        bias=bias,
        multiplier=multiplier,
        shift=shift,
    )


def _sizes(attrs: TransposeConv2dAttrs, x: TensorType, weights: Array, output: TensorType) -> dict[str, int]:
    """The fields of `TransposeConvGeometry`."""
    batches, in_h, in_w, in_c = nhwc(x.shape)
    _, out_h, out_w, out_c = nhwc(output.shape)
    return {
        "batches": batches,
        "in_h": in_h,
        "in_w": in_w,
        "in_c": in_c,
        "out_h": out_h,
        "out_w": out_w,
        "out_c": out_c,
        "kernel_h": weights.shape[1],
        "kernel_w": weights.shape[2],
        "stride_h": attrs.stride[0],
        "stride_w": attrs.stride[1],
        "pad_top": attrs.padding[0],
        "pad_left": attrs.padding[1],
    }


def _eval_int(params: _AnyParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    attrs = TransposeConv2dAttrs(
        size=(params.out_h, params.out_w),
        stride=(params.stride_h, params.stride_w),
        padding=(params.pad_top, params.pad_left),
    )
    x, weights = inputs[0].astype(np.int64), params.weights.astype(np.int64)
    if isinstance(params, TransposeConv2dParams):
        x, weights = x + params.input_offset, weights + params.weight_offset
    acc = _scatter(x, weights, attrs).astype(np.int64) + params.bias
    output_stage = requantize if isinstance(params, TransposeConv2dParams) else requantize64
    bounds = params.act_min, params.act_max
    return (output_stage(acc, params.multiplier, params.shift, params.output_offset, *bounds),)


def _macs(params: TransposeConvGeometry) -> int:
    """Every input value meets every weight of its channel; what is lost beyond the output's border is counted."""
    positions = math.prod((params.batches, params.in_h, params.in_w, params.in_c))
    return positions * params.out_c * params.kernel_h * params.kernel_w


TRANSPOSE_CONV2D = Op(
    name="transpose_conv2d",
    attrs=TransposeConv2dAttrs,
    infer=_infer,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=_eval_int,
    operands=1,
    macs=_macs,
)
