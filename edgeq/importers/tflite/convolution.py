"""Converters for convolutions and pools, and the geometry they share."""

import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.ir import DType
from edgeq.ops.activation import Activation
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.op import require_same_quant
from edgeq.ops.pool import AvgPool2dAttrs, MaxPool2dAttrs
from edgeq.ops.transpose_conv2d import TransposeConv2dAttrs
from edgeq.ops.windows import Padding, Pair

_SAME, _VALID = 0, 1


def paddings(scheme: int, size: Pair, kernel: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Padding:
    """Explicit rows and columns of padding for SAME and VALID.

    SAME makes ceil(size / stride) outputs and pads the smaller half in front. Source: TFLite
    `ComputePaddingHeightWidth` (kernels/padding.h).
    """
    if scheme == _VALID:
        return (0, 0, 0, 0)
    if scheme != _SAME:
        raise Refusal(f"padding scheme {scheme}; accepted: SAME, VALID")
    halves = []
    for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
        halves += [total // 2, total - total // 2]
    return (halves[0], halves[1], halves[2], halves[3])


def positive(pair: Pair, what: str) -> Pair:
    """A pair of sizes that must be at least 1."""
    if min(pair) < 1:
        raise Refusal(f"{what} is {pair}; accepted: 1 and more")
    return pair


def image_size(op: OpContext, position: int = 0) -> Pair:
    """Height and width of an NHWC input."""
    type_ = op.type(position)
    if len(type_.shape) != 4:
        raise Refusal(f"input {type_} has rank {len(type_.shape)}; expected batch, height, width, channels")
    return type_.shape[1], type_.shape[2]


def kernel_size(op: OpContext, position: int = 1) -> Pair:
    """Height and width of a filter."""
    type_ = op.type(position)
    if len(type_.shape) != 4:
        raise Refusal(f"filter {type_} has rank {len(type_.shape)}; expected 4")
    return type_.shape[1], type_.shape[2]


def _conv2d(op: OpContext) -> None:
    options = op.options(tflite.Conv2DOptions)
    stride = positive((options.StrideH(), options.StrideW()), "stride")
    dilation = positive((options.DilationHFactor(), options.DilationWFactor()), "dilation")
    padding = paddings(options.Padding(), image_size(op), kernel_size(op), stride, dilation)
    in_c, per_group = op.type(0).shape[3], op.type(1).shape[3]
    if in_c % per_group:
        raise Refusal(f"{in_c} input channels are no multiple of the filter's {per_group}")
    attrs = Conv2dAttrs(stride, dilation, padding, in_c // per_group)
    op.emit_fused("conv2d", op.inputs(), attrs, options.FusedActivationFunction())


def _depthwise_conv2d(op: OpContext) -> None:
    options = op.options(tflite.DepthwiseConv2DOptions)
    stride = positive((options.StrideH(), options.StrideW()), "stride")
    dilation = positive((options.DilationHFactor(), options.DilationWFactor()), "dilation")
    padding = paddings(options.Padding(), image_size(op), kernel_size(op), stride, dilation)
    attrs = DepthwiseConv2dAttrs(stride, dilation, padding)
    op.emit_fused("depthwise_conv2d", op.inputs(), attrs, options.FusedActivationFunction())


def _transpose_conv(op: OpContext) -> None:
    """Inputs: output shape, filter, input, bias."""
    options = op.options(tflite.TransposeConvOptions)
    stride = positive((options.StrideH(), options.StrideW()), "stride")
    image_size(op, 2)
    shape = op.integers(0, "the output shape")
    expected = (op.type(2).shape[0], op.type(1).shape[:1])
    if len(shape) != 4 or (shape[0], shape[3:]) != expected:
        raise Refusal(f"output shape {list(shape)} does not fit input {op.type(2)} and filter {op.type(1)}")
    size = positive((shape[1], shape[2]), "height and width of the output")
    top, _, left, _ = paddings(options.Padding(), size, kernel_size(op), stride)
    inputs = [op.input(2), op.input(1), op.input(3)]
    attrs = TransposeConv2dAttrs(size, stride, (top, left))
    op.emit_fused("transpose_conv2d", inputs, attrs, options.FusedActivationFunction())


def _average_pool_2d(op: OpContext) -> None:
    """TFLite's kernels do not look at scales and zero points, as if they were the same."""
    attrs, fused = _pool(op)
    halves_up = op.output_tensor().dtype is DType.U8
    require_same_quant(op.type(0), op.output_type(), "input and output")
    op.emit_fused("avg_pool2d", [op.input(0)], AvgPool2dAttrs(**vars(attrs), halves_up=halves_up), fused)


def _max_pool_2d(op: OpContext) -> None:
    attrs, fused = _pool(op)
    op.emit_fused("max_pool2d", [op.input(0)], attrs, fused)


def _l2_pool_2d(op: OpContext) -> None:
    """The root of the mean of the squares. Roots are not below 0, so that a fused RELU changes nothing."""
    op.require_floats()
    attrs, fused = _pool(op)
    if op.activation(fused) not in (Activation.NONE, Activation.RELU):
        raise Refusal(f"fused activation {fused} on a root; accepted: none, RELU")
    squares = op.emit_hidden("square", [op.input(0)], UnaryAttrs(), op.output_type())
    mean = op.emit_hidden("avg_pool2d", [squares], AvgPool2dAttrs(**vars(attrs)), op.output_type())
    op.emit("sqrt", [mean], UnaryAttrs())


def _pool(op: OpContext) -> tuple[MaxPool2dAttrs, int]:
    """Geometry, and the number of the fused activation."""
    options = op.options(tflite.Pool2DOptions)
    kernel = positive((options.FilterHeight(), options.FilterWidth()), "window")
    stride = positive((options.StrideH(), options.StrideW()), "stride")
    padding = paddings(options.Padding(), image_size(op), kernel, stride)
    return MaxPool2dAttrs(kernel, stride, padding), options.FusedActivationFunction()


_SAME_QUANT = "input and output share scale and zero point"

CONVERTERS = {
    "AVERAGE_POOL_2D": Converter(_average_pool_2d, ("avg_pool2d",), _SAME_QUANT),
    "CONV_2D": Converter(_conv2d, ("conv2d",)),
    "DEPTHWISE_CONV_2D": Converter(_depthwise_conv2d, ("depthwise_conv2d",)),
    "L2_POOL_2D": Converter(_l2_pool_2d, ("square", "avg_pool2d", "sqrt"), floats_only=True),
    "MAX_POOL_2D": Converter(_max_pool_2d, ("max_pool2d",), _SAME_QUANT),
    "TRANSPOSE_CONV": Converter(_transpose_conv, ("transpose_conv2d",), "the output shape is constant"),
}
