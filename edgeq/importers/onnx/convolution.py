"""Converters for convolutions, over images and over lines of values."""

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import Converter, OpContext
from edgeq.importers.onnx.layout import from_image, image
from edgeq.importers.onnx.weights import dilated, part
from edgeq.importers.onnx.windows import as_pair, explicit_pads, read_window, same_pads, steps
from edgeq.ir import Shape
from edgeq.ops.concat import ConcatAttrs
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.transpose_conv2d import TransposeConv2dAttrs
from edgeq.ops.windows import Pair


def _conv(op: OpContext) -> None:
    op.output(convolve(op, op.required(0), op.required(1), op.input(2)))


def convolve(op: OpContext, x: str, weights: str, bias: str) -> str:
    """The node's convolution of a value `[N, C, ...]` with weights `[O, C / group, ...]`; `bias` may be ""."""
    window = read_window(op, spatial(op, x), kernel(op, weights))
    rank, channels = len(op.type_of(x).shape), op.type_of(x).shape[1]
    groups = op.int_attr("group", 1)
    out_c, per_group = op.type_of(weights).shape[:2]
    if groups < 1 or per_group * groups != channels or out_c % groups:
        raise Refusal(f"weights {op.type_of(weights)} in {groups} groups do not fit {channels} channels")
    _require_bias(op, bias, out_c)
    filters = filter_image(op, weights)
    optional = [bias] if bias else []
    if groups == channels and groups > 1:
        attrs = DepthwiseConv2dAttrs(window.stride, window.dilation, window.padding)
        filters = op.transpose(filters, (3, 1, 2, 0))
        return from_image(op, op.emit("depthwise_conv2d", [image(op, x), filters, *optional], attrs), rank)
    conv = Conv2dAttrs(window.stride, window.dilation, window.padding, groups)
    return from_image(op, op.emit("conv2d", [image(op, x), filters, *optional], conv), rank)


def _require_bias(op: OpContext, bias: str, out_c: int) -> None:
    if bias and op.type_of(bias).shape != (out_c,):
        raise Refusal(f"bias {op.type_of(bias)}; accepted: {out_c} numbers, one per output channel")


def spatial(op: OpContext, value: str) -> Shape:
    """The sizes behind batch and channels: one or two."""
    shape = op.type_of(value).shape
    if len(shape) not in (3, 4):
        raise Refusal(f"input of shape {list(shape)}; accepted: batch, channels, and one or two dimensions")
    return shape[2:]


def kernel(op: OpContext, weights: str) -> Shape:
    """The sizes of the window: those of the weights, which an attribute may repeat."""
    shape = op.type_of(weights).shape
    if len(shape) not in (3, 4):
        raise Refusal(f"weights of shape {list(shape)}; accepted: rank 3 or 4")
    said = op.ints_attr("kernel_shape", shape[2:])
    if said != shape[2:]:
        raise Refusal(f"kernel_shape {list(said)} and weights of shape {list(shape)}; accepted: the same sizes")
    return said


def filter_image(op: OpContext, weights: str) -> str:
    """Weights `[A, B, ...]` as `[A, H, W, B]`."""
    shape = op.type_of(weights).shape
    last = op.transpose(weights, [0, *range(2, len(shape)), 1])
    return last if len(shape) == 4 else op.reshape(last, (shape[0], 1, shape[2], shape[1]))


def _conv_transpose(op: OpContext) -> None:
    """Weights are `[C, O / group, ...]`; each group is an op of its own."""
    x, weights, bias = op.required(0), op.required(1), op.input(2)
    rank, channels = len(op.type_of(x).shape), op.type_of(x).shape[1]
    scattering, size = _scattering(op, spatial(op, x), kernel(op, weights))
    groups = op.int_attr("group", 1)
    if op.type_of(weights).shape[0] != channels or groups < 1 or channels % groups:
        raise Refusal(f"weights {op.type_of(weights)} in {groups} groups do not fit {channels} channels")
    source = image(op, x)
    filters = op.transpose(filter_image(op, weights), (3, 1, 2, 0))
    filters = dilated(op, filters, as_pair(steps(op, "dilations", rank - 2), 1))
    per_group, out_c = channels // groups, op.type_of(filters).shape[0]
    _require_bias(op, bias, out_c * groups)
    parts = []
    for group in range(groups):
        operands = [part(op, v, 3, group * per_group, per_group) for v in (source, filters)]
        operands += [part(op, bias, 0, group * out_c, out_c)] if bias else []
        parts.append(op.emit("transpose_conv2d", operands, scattering))
    result = parts[0] if groups == 1 else op.emit("concat", parts, ConcatAttrs(3))
    for axis in (1, 2):
        result = part(op, result, axis, 0, size[axis - 1])
    op.output(from_image(op, result, rank))


def _scattering(op: OpContext, size: Shape, window: Shape) -> tuple[TransposeConv2dAttrs, Pair]:
    """The geometry over an input of this size, and the size of the output.

    The padding decides the output's size, or a stated size the padding. The op's own size is larger where kernels lie
    behind the output as a whole.
    """
    rank = len(size)
    if len(window) != rank or min(window, default=1) < 1:
        raise Refusal(f"a window of {list(window)} over {list(size)}; accepted: a size of 1 and more per dimension")
    stride, dilation = steps(op, "strides", rank), steps(op, "dilations", rank)
    extra = op.ints_attr("output_padding", (0,) * rank)
    if len(extra) != rank or min(extra, default=0) < 0:
        raise Refusal(f"output_padding {list(extra)}; accepted: {rank} numbers of 0 and more")
    spread = tuple((n - 1) * s + 1 for n, s in zip(size, stride, strict=True))
    reach = tuple((k - 1) * d for k, d in zip(window, dilation, strict=True))
    full = tuple(map(sum, zip(spread, reach, extra, strict=True)))
    before, wanted = _borders(op, full, tuple(n * s for n, s in zip(size, stride, strict=True)))
    if min(wanted) < 1:
        raise Refusal(f"an output of {list(wanted)}; accepted: 1 and more")
    touched = tuple(max(w, n - b) for w, n, b in zip(wanted, spread, before, strict=True))
    return TransposeConv2dAttrs(as_pair(touched, 1), as_pair(stride, 1), as_pair(before, 0)), as_pair(wanted, 1)


def _borders(op: OpContext, full: Shape, multiple: Shape) -> tuple[Shape, Shape]:
    """What is lost in front of each dimension of the full result, and what is left.

    Args:
        op: the node.
        full: sizes where nothing is lost.
        multiple: sizes of the input times strides: what SAME makes, unless the file states others.
    """
    rank = len(full)
    scheme = op.string_attr("auto_pad", "NOTSET") or "NOTSET"
    same = scheme.startswith("SAME")
    stated = op.ints_attr("output_shape", multiple if same else ())[-rank:]
    if stated:
        if len(stated) != rank:
            raise Refusal(f"output_shape {list(stated)}; accepted: {rank} numbers")
        lost = tuple(max(0, f - n) for f, n in zip(full, stated, strict=True))
        return same_pads(scheme if same else "SAME_LOWER", lost)[0], stated
    before, after = ((0,) * rank, (0,) * rank) if scheme == "VALID" else explicit_pads(op, rank)
    return before, tuple(f - b - a for f, b, a in zip(full, before, after, strict=True))


CONVERTERS = {
    "Conv": Converter(_conv, ("conv2d", "depthwise_conv2d", "transpose", "reshape"), "1-D and 2-D"),
    "ConvTranspose": Converter(
        _conv_transpose, ("transpose_conv2d", "slice", "concat", "transpose", "reshape"), "1-D and 2-D"
    ),
}
