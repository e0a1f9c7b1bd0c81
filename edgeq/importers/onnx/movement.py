"""Converters for operators that move data without computing: new shapes, new orders, things put together."""

import math
from collections.abc import Sequence

import numpy as np

from edgeq.errors import Refusal
from edgeq.importers.onnx.axes import listed, normalize_axes, normalize_axis
from edgeq.importers.onnx.builder import Converter, OpContext
from edgeq.importers.onnx.slicing import take
from edgeq.ir import Shape
from edgeq.ops.binary import common_shape
from edgeq.ops.broadcast import BroadcastAttrs
from edgeq.ops.concat import ConcatAttrs
from edgeq.ops.mirror_pad import MirrorPadAttrs
from edgeq.ops.pad import PadAttrs
from edgeq.ops.slice import SliceAttrs


def _reshape(op: OpContext) -> None:
    old, wanted = op.type(0).shape, op.integers(1, "the new shape")
    if not op.int_attr("allowzero", 0):
        if any(d == 0 and i >= len(old) for i, d in enumerate(wanted)):
            raise Refusal(f"new shape {list(wanted)} of {list(old)}; accepted: 0 where there is a dimension to keep")
        wanted = tuple(old[i] if d == 0 else d for i, d in enumerate(wanted))
    op.output(op.reshape(op.required(0), _complete(wanted, math.prod(old))))


def _complete(shape: Shape, size: int) -> Shape:
    """Replace the one -1 that a shape may have by what is left of `size`."""
    if shape.count(-1) > 1 or any(d < -1 for d in shape):
        raise Refusal(f"new shape {list(shape)}; accepted: one -1 at most")
    known = math.prod(d for d in shape if d != -1)
    if -1 in shape and (known == 0 or size % known):
        raise Refusal(f"{size} elements do not fill the shape {list(shape)}")
    return tuple(size // known if d == -1 else d for d in shape)


def _flatten(op: OpContext) -> None:
    shape = op.type(0).shape
    axis = op.int_attr("axis", 1)
    if axis != len(shape):
        axis = normalize_axis(axis, len(shape))
    op.output(op.reshape(op.required(0), (math.prod(shape[:axis]), math.prod(shape[axis:]))))


def _squeeze(op: OpContext) -> None:
    """Without axes, all dimensions of size 1 go."""
    shape, axes = op.type(0).shape, listed(op, "axes", 1)
    gone = [i for i, n in enumerate(shape) if n == 1] if axes is None else normalize_axes(axes, len(shape))
    if any(shape[d] != 1 for d in gone):
        raise Refusal(f"squeezes dimensions {list(gone)} of shape {list(shape)}; accepted: dimensions of size 1")
    op.output(op.reshape(op.required(0), tuple(n for i, n in enumerate(shape) if i not in gone)))


def _unsqueeze(op: OpContext) -> None:
    axes = listed(op, "axes", 1)
    if axes is None:
        raise Refusal("the axes are missing")
    old = op.type(0).shape
    rank = len(old) + len(axes)
    new, rest = normalize_axes(axes, rank), iter(old)
    op.output(op.reshape(op.required(0), tuple(1 if i in new else next(rest) for i in range(rank))))


def _transpose(op: OpContext) -> None:
    """Without a permutation, the order of the dimensions is reversed."""
    rank = len(op.type(0).shape)
    perm = op.ints_attr("perm", tuple(reversed(range(rank))))
    if sorted(perm) != list(range(rank)):
        raise Refusal(f"permutation {list(perm)} of rank {rank}; accepted: each dimension once")
    op.output(op.transpose(op.required(0), perm))


def _concat(op: OpContext) -> None:
    values = [v for v in op.inputs() if v]
    types = [op.type_of(v) for v in values]
    if not types or any((t.dtype, t.quant) != (types[0].dtype, types[0].quant) for t in types):
        raise Refusal(f"inputs {[str(t) for t in types]}; accepted: one element type, scale and zero point")
    axis = normalize_axis(op.int_attr("axis"), len(types[0].shape))
    op.output(values[0] if len(values) == 1 else op.emit("concat", values, ConcatAttrs(axis)))


def _expand(op: OpContext) -> None:
    """To the shape that input and wanted shape are broadcast to: either may have dimensions of size 1."""
    shape = op.type(0).shape
    wanted = common_shape(shape, op.integers(1, "the shape"))
    op.output(op.required(0) if wanted == shape else op.emit("broadcast", [op.required(0)], BroadcastAttrs(wanted)))


def _tile(op: OpContext) -> None:
    """A repeated dimension n becomes 1 x n, broadcast to count x n."""
    shape, counts = op.type(0).shape, op.integers(1, "the repeats")
    if len(counts) != len(shape) or min(counts, default=1) < 1:
        raise Refusal(f"repeats {list(counts)} of shape {list(shape)}; accepted: one per dimension, 1 and more")
    pairs = list(zip(counts, shape, strict=True))
    before = tuple(d for count, n in pairs for d in ((1, n) if count > 1 else (n,)))
    after = tuple(d for count, n in pairs for d in ((count, n) if count > 1 else (n,)))
    value = op.required(0)
    if after != before:
        value = op.emit("broadcast", [op.reshape(value, before)], BroadcastAttrs(after))
    op.output(op.reshape(value, tuple(count * n for count, n in pairs)))


_LARGEST_BORDER = 1 << 20
"""Elements that are copied to an end of a dimension."""

_PAD_MODES = ("constant", "reflect", "edge", "wrap")


def _pad(op: OpContext) -> None:
    """A negative padding takes away what is there."""
    mode, shape = op.string_attr("mode", "constant"), op.type(0).shape
    if mode not in _PAD_MODES:
        raise Refusal(f"mode {mode!r}; accepted: {', '.join(_PAD_MODES)}")
    before, after = _paddings(op, len(shape))
    kept = tuple(n + min(b, 0) + min(a, 0) for n, b, a in zip(shape, before, after, strict=True))
    value = op.required(0)
    if kept != shape:
        begin = tuple(max(-b, 0) for b in before)
        value = op.emit("slice", [value], SliceAttrs(begin, kept, (1,) * len(shape)))
    before, after = tuple(max(b, 0) for b in before), tuple(max(a, 0) for a in after)
    if not any((*before, *after)):
        op.output(value)
    elif mode == "constant":
        op.output(_pad_constant(op, value, PadAttrs(before, after)))
    else:
        op.output(_pad_copies(op, value, mode, before, after))


def _paddings(op: OpContext, rank: int) -> tuple[Shape, Shape]:
    """What comes before and after each dimension; an input from opset 11 on, of some dimensions from 18 on."""
    pads = listed(op, "pads", 1)
    if pads is None:
        raise Refusal("the paddings are missing")
    axes = normalize_axes(op.integers(3, "the axes"), rank) if op.has(3) else tuple(range(rank))
    if len(pads) != 2 * len(axes):
        raise Refusal(f"paddings {list(pads)} of {len(axes)} dimensions; accepted: two per dimension")
    before, after = [0] * rank, [0] * rank
    for i, axis in enumerate(axes):
        before[axis], after[axis] = pads[i], pads[len(axes) + i]
    return tuple(before), tuple(after)


def _pad_constant(op: OpContext, value: str, attrs: PadAttrs) -> str:
    """Without a value, or with one of 0, the border is real 0, which every quantization has."""
    type_ = op.type_of(value)
    if type_.quant is not None:
        if not op.has(2):
            raise Refusal(f"pads {type_} without a value; accepted: a value, as the integer 0 need not be real 0")
        integer = op.constant(2, "the value")
        shifted = integer.astype(np.int64) - _offset(integer.dtype)
        return op.emit(
            "pad", [value, op.add_constant(shifted.astype(type_.dtype.numpy).reshape(1), "border", type_.quant)], attrs
        )
    real = op.scalar(2, "the value") if op.has(2) else op.float_attr("value", 0.0)
    if not math.isfinite(real):
        raise Refusal(f"pads with {real}; accepted: finite values")
    if real == 0:
        return op.emit("pad", [value], attrs)
    return op.emit("pad", [value, op.add_constant(np.full(1, real, type_.dtype.numpy), "border")], attrs)


def _offset(dtype: "np.dtype[np.generic]") -> int:
    """By how much signed integers are below those of an unsigned type that stand for the same reals."""
    return 1 << (8 * dtype.itemsize - 1) if dtype.kind == "u" else 0


def _pad_copies(op: OpContext, value: str, mode: str, before: Shape, after: Shape) -> str:
    """A border of elements that are there; a mirror image that is not larger than what it mirrors has an op."""
    shape = op.type_of(value).shape
    if mode == "reflect" and all(max(b, a) < n for n, b, a in zip(shape, before, after, strict=True)):
        return op.emit("mirror_pad", [value], MirrorPadAttrs(before, after, reflect=True))
    for axis, (size, b, a) in enumerate(zip(shape, before, after, strict=True)):
        if max(b, a) > _LARGEST_BORDER:
            raise Refusal(f"{max(b, a)} elements are added to a dimension; accepted: up to {_LARGEST_BORDER}")
        if b or a:
            value = take(op, value, axis, np.pad(np.arange(size), (b, a), mode=mode))  # type: ignore[call-overload]
    return value


def _image(op: OpContext) -> tuple[int, int, int, int, int]:
    """Batch, channels, height, width and block size."""
    shape, block = op.type(0).shape, op.int_attr("blocksize")
    if len(shape) != 4 or block < 1:
        raise Refusal(f"blocks of {block} in shape {list(shape)}; accepted: 1 and more, in a tensor of rank 4")
    n, c, h, w = shape
    return n, c, h, w, block


def _reordered(op: OpContext, split: Shape, perm: Sequence[int], merged: Shape) -> None:
    """Split dimensions of the image with channels last, reorder them, merge them again."""
    image = op.transpose(op.required(0), (0, 2, 3, 1))
    parts = op.transpose(op.reshape(image, split), perm)
    op.output(op.transpose(op.reshape(parts, merged), (0, 3, 1, 2)))


def _depth_is_inner(op: OpContext) -> bool:
    """Whether channels are numbered by place in the block first, and by depth within a place; or the other way."""
    mode = op.string_attr("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise Refusal(f"mode {mode!r}; accepted: DCR, CRD")
    return mode == "DCR"


def _depth_to_space(op: OpContext) -> None:
    n, c, h, w, block = _image(op)
    if c % (block * block):
        raise Refusal(f"{c} channels as blocks of {block} x {block}; accepted: whole blocks")
    depth = c // (block * block)
    merged = (n, h * block, w * block, depth)
    if _depth_is_inner(op):
        _reordered(op, (n, h, w, block, block, depth), (0, 1, 3, 2, 4, 5), merged)
    else:
        _reordered(op, (n, h, w, depth, block, block), (0, 1, 4, 2, 5, 3), merged)


def _space_to_depth(op: OpContext) -> None:
    n, c, h, w, block = _image(op)
    if h % block or w % block:
        raise Refusal(f"an image of {h} x {w} in blocks of {block}; accepted: whole blocks")
    split = (n, h // block, block, w // block, block, c)
    perm = (0, 1, 3, 2, 4, 5) if _depth_is_inner(op) else (0, 1, 3, 5, 2, 4)
    _reordered(op, split, perm, (n, h // block, w // block, block * block * c))


_BLOCKS = ("reshape", "transpose")

CONVERTERS = {
    "Concat": Converter(_concat, ("concat",)),
    "DepthToSpace": Converter(_depth_to_space, _BLOCKS),
    "Expand": Converter(_expand, ("broadcast",), "constant shape"),
    "Flatten": Converter(_flatten, ("reshape",)),
    "Pad": Converter(_pad, ("pad", "mirror_pad", "gather", "slice"), "constant paddings and value"),
    "Reshape": Converter(_reshape, ("reshape",), "constant shape"),
    "SpaceToDepth": Converter(_space_to_depth, _BLOCKS),
    "Squeeze": Converter(_squeeze, ("reshape",), "constant axes"),
    "Tile": Converter(_tile, ("reshape", "broadcast"), "constant repeats"),
    "Transpose": Converter(_transpose, ("transpose",)),
    "Unsqueeze": Converter(_unsqueeze, ("reshape",), "constant axes"),
}
