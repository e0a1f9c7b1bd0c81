"""Two-dimensional convolution: `conv2d` (weights O,H,W,I; groups) and `depthwise_conv2d` (weights 1,H,W,C*multiplier).

Integer meaning (TFLite `reference_integer_ops::ConvPerChannel`): padded taps contribute nothing, the bias is added
to an int32 accumulator, int64 for int16 inputs, each output channel has its own multiplier.
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
    WEIGHTS,
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
from edgeq.ops.float_conv import convolve, convolve_depthwise
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
    U8Data,
    require_dtype,
    require_per_tensor,
)
from edgeq.ops.windows import Padding, Pair, nhwc, window_shape, windows


@dataclass(frozen=True)
class Conv2dAttrs:
    """Geometry of a convolution; `groups` splits input and output channels into as many independent convolutions."""

    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    groups: int = 1
    activation: Activation = Activation.NONE


@dataclass(frozen=True)
class DepthwiseConv2dAttrs:
    """Geometry of a depthwise convolution; the channel multiplier follows from the shapes."""

    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    activation: Activation = Activation.NONE


@dataclass(frozen=True)
class ConvWindow(Params):
    """Sizes of both convolutions."""

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
    dilation_h: I32
    dilation_w: I32
    pad_top: I32
    pad_left: I32


@dataclass(frozen=True)
class ConvGeometry(ConvWindow):
    """With groups of channels; for a depthwise convolution there are `in_c`."""

    groups: I32


@dataclass(frozen=True)
class Conv2dParams(ConvGeometry):
    """Integers of both convolutions with int8 inputs.

    `bias` holds one row of `out_c` values per region of output positions: the region of row y, column x is
    `bias_row[y] * bias_cols + bias_col[x]`, or 0 everywhere where `bias_row` is null. More than one region comes from
    channels that were removed because they are constant per position (`passes.remove_dead_channels`). `weights` of less
    than 8 `weight_bits` are packed by the kernel's row.
    """

    struct: ClassVar[str] = "conv2d"

    input_offset: I32
    weight_offset: I32
    output_offset: I32
    act_min: I32
    act_max: I32
    bias_cols: I32
    weight_bits: I32
    weights: S8Data
    bias: S32Data
    multiplier: S32Data
    shift: S8Data
    bias_row: U8Data | None
    bias_col: U8Data | None


@dataclass(frozen=True)
class Conv2dS16Params(ConvGeometry):
    """Integers of both convolutions with int16 inputs, whose zero point is 0: sums of 64 bits, multipliers in Q15."""

    struct: ClassVar[str] = "conv2d_s16"

    output_offset: I32
    act_min: I32
    act_max: I32
    bias_cols: I32
    weight_bits: I32
    weights: S8Data
    bias: S64Data
    multiplier: S16Data
    shift: S8Data
    bias_row: U8Data | None
    bias_col: U8Data | None


def _infer_conv(attrs: Conv2dAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x, weights, bias = _present(inputs)
    height, width = window_shape(x, _kernel(weights), attrs.stride, attrs.dilation, attrs.padding)
    out_c, _, _, in_c = weights.shape
    groups = attrs.groups
    if in_c * groups != x.shape[3] or out_c % groups:
        raise Refusal(f"weights {weights} in {groups} groups do not fit input {x}")
    _check_bias(bias, (height, width, out_c))
    return ((x.shape[0], height, width, out_c),)


def _infer_depthwise(attrs: DepthwiseConv2dAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    x, weights, bias = _present(inputs)
    height, width = window_shape(x, _kernel(weights), attrs.stride, attrs.dilation, attrs.padding)
    out_c = weights.shape[3]
    if weights.shape[0] != 1 or out_c % x.shape[3]:
        raise Refusal(f"depthwise weights {weights} do not fit input {x}")
    _check_bias(bias, (height, width, out_c))
    return ((x.shape[0], height, width, out_c),)


def _present(inputs: Sequence[TensorType | None]) -> tuple[TensorType, TensorType, TensorType | None]:
    x, weights, bias = (*inputs, None, None, None)[:3]
    if x is None or weights is None:
        raise Refusal("input and weights must be there")
    return x, weights, bias


def _kernel(weights: TensorType) -> Pair:
    if len(weights.shape) != 4:
        raise Refusal(f"weights {weights} have rank {len(weights.shape)}; expected 4")
    return weights.shape[1], weights.shape[2]


def _check_bias(bias: TensorType | None, position: tuple[int, int, int]) -> None:
    """A bias is per output channel, or per output position and channel."""
    if bias is not None and bias.shape not in (position[2:], position):
        raise Refusal(f"bias {bias} does not fit {position[2]} output channels")


def accumulate(x: Array, weights: Array, attrs: Conv2dAttrs | DepthwiseConv2dAttrs) -> Array:
    """Sums of products `[batch, out_h, out_w, out_c]`, padded taps 0.

    In float64, where BLAS does the work: exact for integers as long as the sums stay below 2**53.

    Args:
        x: `[batch, in_h, in_w, in_c]`, zero point subtracted.
        weights: O,H,W,I for `Conv2dAttrs`, 1,H,W,O for `DepthwiseConv2dAttrs`.
        attrs: geometry.
    """
    kernel = weights.shape[1], weights.shape[2]
    taps = windows(x.astype(np.float64), kernel, attrs.stride, attrs.padding, dilation=attrs.dilation)
    weights = weights.astype(np.float64)
    if isinstance(attrs, DepthwiseConv2dAttrs):
        multiplier = weights.shape[3] // x.shape[3]
        per_input = weights[0].reshape(*kernel, x.shape[3], multiplier)
        sums = np.asarray(np.einsum("byxhwc,hwcm->byxcm", taps, per_input))
        return sums.reshape(*sums.shape[:3], -1)
    per_group = x.shape[3] // attrs.groups
    parts = []
    for group, filters in enumerate(np.split(weights, attrs.groups)):
        channels = taps[..., group * per_group : (group + 1) * per_group]
        flat = channels.reshape(*channels.shape[:3], -1)
        parts.append(flat @ filters.reshape(len(filters), -1).T)
    return np.concatenate(parts, axis=3)


def _eval_float(attrs: Conv2dAttrs | DepthwiseConv2dAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x, weights = inputs[:2]
    if isinstance(attrs, DepthwiseConv2dAttrs):
        sums = convolve_depthwise(x, weights, attrs.stride, attrs.dilation, attrs.padding)
    else:
        sums = convolve(x, weights, attrs.stride, attrs.dilation, attrs.padding, attrs.groups)
    if len(inputs) > 2 and inputs[2] is not None:
        sums += inputs[2]
    return (attrs.activation.apply(sums),)


def _lower(attrs: Conv2dAttrs | DepthwiseConv2dAttrs, lowering: Lowering) -> Conv2dParams | Conv2dS16Params:
    x, output = lowering.input(0), lowering.outputs[0]
    for type_, what in ((x, "input"), (output, "output")):
        require_dtype(type_, DType.S8, DType.S16, what=what)
        require_per_tensor(type_, what)
        require_symmetric(type_, what)
    return _lower_s16(attrs, lowering) if x.dtype is DType.S16 else _lower_s8(attrs, lowering)


def _lower_s8(attrs: Conv2dAttrs | DepthwiseConv2dAttrs, lowering: Lowering) -> Conv2dParams:
    x, weight_type, output = lowering.input(0), lowering.input(1), lowering.outputs[0]
    weights = lowering.constant(1, "the filter")
    scales = channel_scales(weight_type, _channel_axis(attrs), WEIGHTS)
    offset = weight_offset(weight_type)
    # Asymmetric weights come from uint8 models, whose kernels multiply the scales in float32.
    multiplier, shift = multipliers(x, scales, output, float32_product=offset != 0)
    bias, bias_row, bias_col = bias_regions(lowering)
    require_int32_sums(weights.astype(np.int32) + offset, _summed_axes(attrs), largest_step(x))
    low, high = quantized_bounds(attrs.activation, output)
    return Conv2dParams(
        **sizes(attrs, x, weights, output),
        input_offset=-x.zero_point,
        weight_offset=offset,
        output_offset=output.zero_point,
        act_min=low,
        act_max=high,
        bias_cols=_columns(bias_col),
        weight_bits=weight_type.dtype.bits,
        weights=weights,
        bias=np.zeros(output.shape[3], np.int32) if bias is None else int32_bias(bias),
        multiplier=multiplier,
        shift=shift,
        bias_row=bias_row,
        bias_col=bias_col,
    )


def _lower_s16(attrs: Conv2dAttrs | DepthwiseConv2dAttrs, lowering: Lowering) -> Conv2dS16Params:
    x, weight_type, output = lowering.input(0), lowering.input(1), lowering.outputs[0]
    weights = lowering.constant(1, "the filter")
    multiplier, shift = multipliers64(x, channel_scales(weight_type, _channel_axis(attrs), WEIGHTS), output)
    require_symmetric_weights(weight_type)
    bias, bias_row, bias_col = bias_regions(lowering)
    bias = int64_bias(bias, output.shape[3])
    require_int48_sums(weights, _summed_axes(attrs), largest_step(x), bias)
    low, high = quantized_bounds(attrs.activation, output)
    return Conv2dS16Params(
        **sizes(attrs, x, weights, output),
        output_offset=output.zero_point,
        act_min=low,
        act_max=high,
        bias_cols=_columns(bias_col),
        weight_bits=weight_type.dtype.bits,
        weights=weights,
        bias=bias,
        multiplier=multiplier,
        shift=shift,
        bias_row=bias_row,
        bias_col=bias_col,
    )


def _channel_axis(attrs: Conv2dAttrs | DepthwiseConv2dAttrs) -> int:
    """The dimension of the weights that counts output channels."""
    return 3 if isinstance(attrs, DepthwiseConv2dAttrs) else 0


def _summed_axes(attrs: Conv2dAttrs | DepthwiseConv2dAttrs) -> tuple[int, ...]:
    return (0, 1, 2) if isinstance(attrs, DepthwiseConv2dAttrs) else (1, 2, 3)


def sizes(
    attrs: Conv2dAttrs | DepthwiseConv2dAttrs, x: TensorType, weights: Array, output: TensorType
) -> dict[str, int]:
    """The fields of `ConvGeometry`."""
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
        "dilation_h": attrs.dilation[0],
        "dilation_w": attrs.dilation[1],
        "pad_top": attrs.padding[0],
        "pad_left": attrs.padding[2],
        "groups": in_c if isinstance(attrs, DepthwiseConv2dAttrs) else attrs.groups,
    }


def _columns(bias_col: Array | None) -> int:
    """Regions side by side."""
    return 1 if bias_col is None else int(bias_col.max()) + 1


def bias_regions(lowering: Lowering) -> tuple[Array | None, Array | None, Array | None]:
    """Bias rows per region, and the region of each output row and column (None where there is one region)."""
    bias = lowering.optional(2, "the bias")
    if bias is None or bias.ndim == 1:
        return bias, None, None
    first_rows, row_of = _classes(bias)
    first_cols, col_of = _classes(bias.transpose(1, 0, 2))
    table = bias[np.ix_(first_rows, first_cols)].reshape(-1)
    if len(first_rows) > 256 or len(first_cols) > 256:
        raise Refusal("the bias differs in more than 256 rows or columns; accepted: up to 256")
    return table, row_of.astype(np.uint8), col_of.astype(np.uint8)


def _classes(bias: Array) -> tuple[list[int], Array]:
    """Which slices along the first axis are equal: the first of each class, and the class of each slice."""
    first: dict[bytes, int] = {}
    classes = [first.setdefault(part.tobytes(), len(first)) for part in bias]
    return [classes.index(c) for c in range(len(first))], np.array(classes)


_AnyParams = Conv2dParams | Conv2dS16Params


def _eval_int(params: _AnyParams, inputs: Sequence[Any], weights: Array, attrs: Any) -> tuple[Array, ...]:
    x, weights = inputs[0].astype(np.int64), weights.astype(np.int64)
    if isinstance(params, Conv2dParams):
        x, weights = x + params.input_offset, weights + params.weight_offset
    acc = accumulate(x, weights, attrs).astype(np.int64)
    bias = bias_at_positions(params)
    output_stage = requantize if isinstance(params, Conv2dParams) else requantize64
    bounds = params.act_min, params.act_max
    return (output_stage(acc + bias, params.multiplier, params.shift, params.output_offset, *bounds),)


def bias_at_positions(params: Any) -> Array:
    """int64 `[out_c]`, or `[out_h, out_w, out_c]`, of Params with the fields of `Conv2dParams` about biases."""
    bias: Array = params.bias.astype(np.int64)
    if params.bias_row is None or params.bias_col is None:
        return bias
    table = bias.reshape(-1, params.bias_cols, params.out_c)
    return np.asarray(table[np.ix_(params.bias_row, params.bias_col)])


def geometry(params: ConvWindow) -> dict[str, Any]:
    """Attributes from integers; the padding behind the image is whatever the output size implies."""
    below = _padding_behind(params.out_h, params.stride_h, params.dilation_h, params.kernel_h, params.in_h)
    right = _padding_behind(params.out_w, params.stride_w, params.dilation_w, params.kernel_w, params.in_w)
    return {
        "stride": (params.stride_h, params.stride_w),
        "dilation": (params.dilation_h, params.dilation_w),
        "padding": (params.pad_top, max(0, below - params.pad_top), params.pad_left, max(0, right - params.pad_left)),
    }


def _padding_behind(out: int, stride: int, dilation: int, kernel: int, size: int) -> int:
    """Total padding that the last window needs; negative where it ends before the image does."""
    return (out - 1) * stride + (kernel - 1) * dilation + 1 - size


def _eval_int_conv(params: _AnyParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    shape = (params.out_c, params.kernel_h, params.kernel_w, params.in_c // params.groups)
    attrs = Conv2dAttrs(**geometry(params), groups=params.groups)
    return _eval_int(params, inputs, params.weights.reshape(shape), attrs)


def _eval_int_depthwise(params: _AnyParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    shape = (1, params.kernel_h, params.kernel_w, params.out_c)
    attrs = DepthwiseConv2dAttrs(**geometry(params))
    return _eval_int(params, inputs, params.weights.reshape(shape), attrs)


def _macs(params: ConvGeometry) -> int:
    positions = math.prod((params.batches, params.out_h, params.out_w, params.out_c))
    return positions * params.kernel_h * params.kernel_w * (params.in_c // params.groups)


CONV2D = Op(
    name="conv2d",
    attrs=Conv2dAttrs,
    infer=_infer_conv,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=_eval_int_conv,
    operands=1,
    macs=_macs,
)

DEPTHWISE_CONV2D = Op(
    name="depthwise_conv2d",
    attrs=DepthwiseConv2dAttrs,
    infer=_infer_depthwise,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=_eval_int_depthwise,
    operands=1,
    macs=_macs,
)
