"""Converters for operators that take parts of a tensor. Equal steps are slices, anything else is gathered."""

import math
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from edgeq.errors import Refusal
from edgeq.importers.onnx.axes import listed, normalize_axes, normalize_axis
from edgeq.importers.onnx.builder import Converter, OpContext
from edgeq.ir.graph import Array
from edgeq.ops.gather import GatherAttrs
from edgeq.ops.slice import SliceAttrs


def take(op: OpContext, value: str, axis: int, picks: Array) -> str:
    """The elements of these indices along an axis, as NumPy's `take`; `picks` may have any shape."""
    shape = op.type_of(value).shape
    steps = np.unique(np.diff(picks.reshape(-1)))
    if picks.size == 0 or len(steps) > 1 or 0 in steps:
        constant = op.add_constant(picks.astype(np.int32), "indices")
        return op.emit("gather", [value, constant], GatherAttrs(axis))
    part = stretch(op, value, axis, int(picks.reshape(-1)[0]), picks.size, int(steps[0]) if len(steps) else 1)
    return op.reshape(part, (*shape[:axis], *picks.shape, *shape[axis + 1 :]))


def stretch(op: OpContext, value: str, axis: int, begin: int, size: int, step: int = 1) -> str:
    """A stretch of one axis, everything of the others; the value itself where that is all of it."""
    shape = op.type_of(value).shape
    if (begin, size, step) == (0, shape[axis], 1):
        return value
    begins, steps = [0] * len(shape), [1] * len(shape)
    begins[axis], steps[axis] = begin, step
    return op.emit("slice", [value], SliceAttrs(tuple(begins), (*shape[:axis], size, *shape[axis + 1 :]), tuple(steps)))


def _gather(op: OpContext) -> None:
    x = op.type(0)
    axis = normalize_axis(op.int_attr("axis", 0), len(x.shape))
    if not op.is_constant(1):
        op.output(op.emit("gather", [op.required(0), op.required(1)], GatherAttrs(axis)))
        return
    size, picks = x.shape[axis], op.constant(1, "the indices")
    if picks.dtype.kind not in "iu" or picks.size == 0 or picks.min() < -size or picks.max() >= size:
        raise Refusal(
            f"indices {picks.reshape(-1)[:8].tolist()} along an axis of {size}; accepted: {-size}..{size - 1}"
        )
    op.output(take(op, op.required(0), axis, np.where(picks < 0, picks + size, picks)))


def _slice(op: OpContext) -> None:
    """Begins and ends beyond a dimension mean its ends; up to opset 9 they are attributes."""
    shape = op.type(0).shape
    begins, ends = listed(op, "starts", 1), listed(op, "ends", 2)
    if begins is None or ends is None:
        raise Refusal("starts or ends are missing")
    axes = listed(op, "axes", 3)
    counted = normalize_axes(range(len(begins)) if axes is None else axes, len(shape))
    strides = op.integers(4, "the steps") if op.has(4) else (1,) * len(counted)
    if not len(begins) == len(ends) == len(counted) == len(strides):
        raise Refusal(f"{len(begins)} starts, {len(ends)} ends and {len(counted)} axes; accepted: as many of each")
    begin, size, stride = [0] * len(shape), list(shape), [1] * len(shape)
    for axis, *entry in zip(counted, begins, ends, strides, strict=True):
        begin[axis], size[axis], stride[axis] = _range(shape[axis], *entry)
    attrs = SliceAttrs(tuple(begin), tuple(size), tuple(stride))
    whole = attrs == SliceAttrs((0,) * len(shape), shape, (1,) * len(shape))
    op.output(op.required(0) if whole else op.emit("slice", [op.required(0)], attrs))


def _range(dim: int, begin: int, end: int, step: int) -> tuple[int, int, int]:
    """First index, count and step of what is a slice in Python too."""
    if step == 0:
        raise Refusal("a step of 0; accepted: any other")
    indices = range(*slice(begin, end, step).indices(dim))
    if len(indices) == 0:
        raise Refusal(f"from {begin} to {end} in steps of {step} of {dim} elements; accepted: at least one element")
    return indices[0], len(indices), step


def _split(op: OpContext) -> None:
    shape = op.type(0).shape
    axis = normalize_axis(op.int_attr("axis", 0), len(shape))
    sizes = _sizes(op, shape[axis])
    if len(sizes) != len(op.node.output) or min(sizes, default=0) < 1 or sum(sizes) != shape[axis]:
        raise Refusal(
            f"a dimension of {shape[axis]} in parts of {list(sizes)} for {len(op.node.output)} outputs; "
            "accepted: sizes of 1 and more that fill it"
        )
    for index, (begin, size) in enumerate(zip(accumulate((0, *sizes)), sizes, strict=False)):
        if op.node.output[index]:
            op.output(stretch(op, op.required(0), axis, begin, size), index)


def _sizes(op: OpContext, dim: int) -> Sequence[int]:
    """As listed, else equal parts; the last one may be smaller since opset 18."""
    given = listed(op, "split", 1)
    if given is not None:
        return given
    count = op.int_attr("num_outputs", len(op.node.output))
    if not 1 <= count <= dim or (op.version < 18 and dim % count):
        raise Refusal(f"a dimension of {dim} in {count} parts; accepted: equal parts of 1 and more")
    size = math.ceil(dim / count)
    return [min(size, dim - begin) for begin in range(0, size * count, size)]


CONVERTERS = {
    "Gather": Converter(_gather, ("gather", "slice"), "out of range at run time: clamped; negative ones count as 0"),
    "Slice": Converter(_slice, ("slice",), "constant starts, ends, axes and steps; not empty"),
    "Split": Converter(_split, ("slice",), "constant sizes"),
}
