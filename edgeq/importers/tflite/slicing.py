"""Converters for operators that take parts of a tensor. All become slices, and reshapes where dimensions go."""

from collections.abc import Sequence
from dataclasses import dataclass

import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.importers.tflite.movement import SAME_QUANT, normalize_axis, scalar
from edgeq.ir import Shape
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.ops.slice import SliceAttrs


def _slice(op: OpContext) -> None:
    """A size of -1 reaches to the end."""
    shape = op.type(0).shape
    begin, size = op.integers(1, "the begin"), op.integers(2, "the size")
    if not len(begin) == len(size) == len(shape):
        raise Refusal(f"begin {list(begin)} and size {list(size)} of shape {list(shape)}; accepted: one per dimension")
    taken = tuple(n - b if s == -1 else s for n, b, s in zip(shape, begin, size, strict=True))
    op.emit("slice", [op.input(0)], SliceAttrs(begin, taken, (1,) * len(shape)))


def _reverse(op: OpContext) -> None:
    shape = op.type(0).shape
    axes = {normalize_axis(a, len(shape)) for a in op.integers(1, "the axes")}
    begin = tuple(n - 1 if i in axes else 0 for i, n in enumerate(shape))
    stride = tuple(-1 if i in axes else 1 for i in range(len(shape)))
    op.emit("slice", [op.input(0)], SliceAttrs(begin, shape, stride))


def along(shape: Shape, axis: int, begin: int, size: int) -> SliceAttrs:
    """A stretch of one axis, everything of the others."""
    begins = tuple(begin if i == axis else 0 for i in range(len(shape)))
    return SliceAttrs(begins, (*shape[:axis], size, *shape[axis + 1 :]), (1,) * len(shape))


def _split(op: OpContext) -> None:
    shape, parts = op.type(1).shape, op.options(tflite.SplitOptions).NumSplits()
    axis = normalize_axis(scalar(op, 0, "the axis"), len(shape))
    if parts < 1 or shape[axis] % parts:
        raise Refusal(f"a dimension of {shape[axis]} in {parts} parts; accepted: equal parts")
    _emit_parts(op, 1, axis, (shape[axis] // parts,) * parts)


def _split_v(op: OpContext) -> None:
    """One of the sizes may be -1: what is left."""
    shape, sizes = op.type(0).shape, op.integers(1, "the sizes")
    axis = normalize_axis(scalar(op, 2, "the axis"), len(shape))
    left = shape[axis] - sum(s for s in sizes if s != -1)
    whole = tuple(left if s == -1 else s for s in sizes)
    if sizes.count(-1) > 1 or min(whole, default=0) < 1 or sum(whole) != shape[axis]:
        raise Refusal(f"a dimension of {shape[axis]} in parts of {list(sizes)}; accepted: sizes that fill it")
    _emit_parts(op, 0, axis, whole)


def _emit_parts(op: OpContext, position: int, axis: int, sizes: Sequence[int]) -> None:
    if len(op.operator.outputs) != len(sizes):
        raise Refusal(f"{len(op.operator.outputs)} outputs for {len(sizes)} parts")
    begin, shape = 0, op.type(position).shape
    for output, size in enumerate(sizes):
        op.emit("slice", [op.input(position)], along(shape, axis, begin, size), output)
        begin += size


def _unpack(op: OpContext) -> None:
    options, x = op.options(tflite.UnpackOptions), op.type(0)
    axis = normalize_axis(options.Axis(), len(x.shape))
    outputs = len(op.operator.outputs)
    if not options.Num() == outputs == x.shape[axis]:
        raise Refusal(f"a dimension of {x.shape[axis]} in {options.Num()} parts and {outputs} outputs")
    for index in range(outputs):
        part = op.emit_hidden("slice", [op.input(0)], along(x.shape, axis, index, 1), x)
        op.emit("reshape", [part], ReshapeAttrs((*x.shape[:axis], *x.shape[axis + 1 :])), index)


@dataclass(frozen=True)
class _Part:
    """What a strided slice takes of one dimension: a position without extent where it is `dropped`."""

    begin: int
    size: int
    stride: int
    dropped: bool = False


def _strided_slice(op: OpContext) -> None:
    """Dimensions that the specification adds or drops are a reshape of what is left."""
    x = op.type(0)
    parts = _parts(op, x.shape)
    taken = [p for p in parts if p is not None]
    attrs = SliceAttrs(tuple(p.begin for p in taken), tuple(p.size for p in taken), tuple(p.stride for p in taken))
    shape = tuple(1 if p is None else p.size for p in parts if p is None or not p.dropped)
    if shape == attrs.size:
        op.emit("slice", [op.input(0)], attrs)
        return
    part = op.emit_hidden("slice", [op.input(0)], attrs, x)
    op.emit("reshape", [part], ReshapeAttrs(shape))


def _parts(op: OpContext, shape: Shape) -> list[_Part | None]:
    """The specification, entry by entry, with the ellipsis spelled out; None is a new dimension.

    Source: TFLite `strided_slice::BuildStridedSliceParams` (kernels/strided_slice.cc).
    """
    options = op.options(tflite.StridedSliceOptions)
    begins, ends, strides = (op.integers(i + 1, f"the {w}") for i, w in enumerate(("begin", "end", "stride")))
    count = len(begins)
    if not count == len(ends) == len(strides):
        raise Refusal(f"{count} begins, {len(ends)} ends and {len(strides)} strides; accepted: as many of each")
    ellipses = [i for i in range(count) if options.EllipsisMask() >> i & 1]
    new = [i for i in range(count) if options.NewAxisMask() >> i & 1 and i not in ellipses]
    left_open = len(shape) - (count - len(new) - len(ellipses))
    if len(ellipses) > 1 or left_open < 0:
        raise Refusal(f"{count} entries with {len(ellipses)} ellipses for a tensor of rank {len(shape)}")
    rest = [-1] * left_open
    entries = [e for i in range(count) for e in (rest if i in ellipses else [i])] + ([] if ellipses else rest)
    sizes = iter(shape)
    parts: list[_Part | None] = []
    for i in entries:
        if i in new:
            parts.append(None)
        elif i == -1:
            parts.append(_Part(0, next(sizes), 1))
        else:
            parts.append(_part(options, i, next(sizes), (begins[i], ends[i], strides[i])))
    return parts


def _part(options: tflite.StridedSliceOptions, i: int, size: int, entry: tuple[int, int, int]) -> _Part:
    """Entry i (begin, end, stride) on a dimension of `size`.

    Source: TFLite `strided_slice::StridedSliceStartForAxis`, `StridedSliceEndForAxis`
    (kernels/internal/strided_slice_logic.h).
    """
    begin, end, stride = entry
    if stride == 0:
        raise Refusal("a stride of 0; accepted: any other")
    # Positions before and behind the dimension, towards which everything out of range is clamped.
    low, high = (0, size) if stride > 0 else (-1, size - 1)
    first, last = (low, high) if stride > 0 else (high, low)

    def clamped(index: int) -> int:
        return min(max(index + size if index < 0 else index, low), high)

    begin = first if options.BeginMask() >> i & 1 else clamped(begin)
    if options.ShrinkAxisMask() >> i & 1:
        if not 0 <= begin < size:
            raise Refusal(f"index {begin} of a dimension of {size}; accepted: {-size}..{size - 1}")
        return _Part(begin, 1, 1, dropped=True)
    end = end + begin if options.Offset() else end
    end = last if options.EndMask() >> i & 1 else clamped(end)
    count = -(-(end - begin) // stride)
    if count < 1:
        raise Refusal(f"from {begin} to {end} in steps of {stride} is an empty slice; accepted: at least one element")
    return _Part(begin, count, stride)


_CONSTANT = f"constant parts; {SAME_QUANT}"

CONVERTERS = {
    "REVERSE_V2": Converter(_reverse, ("slice",), "constant axes"),
    "SLICE": Converter(_slice, ("slice",), _CONSTANT),
    "SPLIT": Converter(_split, ("slice",), _CONSTANT),
    "SPLIT_V": Converter(_split_v, ("slice",), _CONSTANT),
    "STRIDED_SLICE": Converter(_strided_slice, ("slice", "reshape"), _CONSTANT),
    "UNPACK": Converter(_unpack, ("slice", "reshape"), SAME_QUANT),
}
