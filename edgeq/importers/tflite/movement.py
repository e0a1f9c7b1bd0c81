"""Converters for operators that move data without computing: new shapes, new orders, things put together."""

import math

import numpy as np
import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.ir import DType, Shape, TensorType
from edgeq.ir.graph import Array
from edgeq.ops.broadcast import BroadcastAttrs
from edgeq.ops.concat import ConcatAttrs
from edgeq.ops.gather import GatherAttrs
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.ops.slice import SliceAttrs
from edgeq.ops.transpose import TransposeAttrs

SAME_QUANT = "inputs and outputs share scale and zero point"


def normalize_axis(axis: int, rank: int) -> int:
    """An axis counted from the front; Refusal where the tensor has no such axis."""
    if not -rank <= axis < rank:
        raise Refusal(f"axis {axis} of a tensor of rank {rank}")
    return axis % rank


def scalar(op: OpContext, position: int, what: str) -> int:
    """A constant integer."""
    values = op.integers(position, what)
    if len(values) != 1:
        raise Refusal(f"{what} has {len(values)} elements; accepted: one")
    return values[0]


def _reshape(op: OpContext) -> None:
    """The shape is the second input, else the option, else what the file declares for the output."""
    if op.has_input(1):
        wanted = op.integers(1, "the new shape")
    else:
        options = op.options(tflite.ReshapeOptions)
        declared = () if options.NewShapeIsNone() else tuple(int(d) for d in options.NewShapeAsNumpy())
        wanted = declared or op.declared_shape()
    op.emit("reshape", [op.input(0)], ReshapeAttrs(_complete(wanted, op.type(0).size)))


def _complete(shape: Shape, size: int) -> Shape:
    """Replace the one -1 that a shape may have by what is left of `size`."""
    if shape.count(-1) > 1 or any(d < -1 for d in shape):
        raise Refusal(f"new shape {list(shape)}; accepted: one -1 at most")
    known = math.prod(d for d in shape if d != -1)
    if -1 in shape and (known == 0 or size % known):
        raise Refusal(f"{size} elements do not fill the shape {list(shape)}")
    return tuple(size // known if d == -1 else d for d in shape)


def _squeeze(op: OpContext) -> None:
    """Without a list of dimensions, all those of size 1 go."""
    options, shape = op.options(tflite.SqueezeOptions), op.type(0).shape
    listed = () if options.SqueezeDimsIsNone() else tuple(int(d) for d in np.atleast_1d(options.SqueezeDimsAsNumpy()))
    gone = {normalize_axis(d, len(shape)) for d in listed} or {i for i, n in enumerate(shape) if n == 1}
    if any(shape[d] != 1 for d in gone):
        raise Refusal(f"squeezes dimensions {sorted(gone)} of shape {list(shape)}; accepted: dimensions of size 1")
    kept = tuple(n for i, n in enumerate(shape) if i not in gone)
    op.emit("reshape", [op.input(0)], ReshapeAttrs(kept))


def _expand_dims(op: OpContext) -> None:
    shape = op.type(0).shape
    axis = normalize_axis(scalar(op, 1, "the axis"), len(shape) + 1)
    op.emit("reshape", [op.input(0)], ReshapeAttrs((*shape[:axis], 1, *shape[axis:])))


def _transpose(op: OpContext) -> None:
    rank = len(op.type(0).shape)
    perm = tuple(normalize_axis(p, rank) for p in op.integers(1, "the permutation"))
    op.emit("transpose", [op.input(0)], TransposeAttrs(perm))


def _concatenation(op: OpContext) -> None:
    options = op.options(tflite.ConcatenationOptions)
    if options.FusedActivationFunction():
        raise Refusal("a fused activation on a concatenation; accepted: none")
    axis = normalize_axis(options.Axis(), len(op.type(0).shape))
    op.emit("concat", op.inputs(), ConcatAttrs(axis))


def _pack(op: OpContext) -> None:
    """Each input gets a dimension of size 1, along which all are put together."""
    options, shape = op.options(tflite.PackOptions), op.type(0).shape
    if options.ValuesCount() != op.arity:
        raise Refusal(f"{op.arity} inputs, {options.ValuesCount()} declared")
    axis = normalize_axis(options.Axis(), len(shape) + 1)
    types = [op.type(i) for i in range(op.arity)]
    if any(t.shape != shape for t in types):
        raise Refusal(f"shapes {[list(t.shape) for t in types]} differ; accepted: one shape")
    slab = ReshapeAttrs((*shape[:axis], 1, *shape[axis:]))
    slabs = [op.emit_hidden("reshape", [v], slab, t) for v, t in zip(op.inputs(), types, strict=True)]
    op.emit("concat", slabs, ConcatAttrs(axis))


def _broadcast_to(op: OpContext) -> None:
    op.emit("broadcast", [op.input(0)], BroadcastAttrs(op.integers(1, "the new shape")))


def _tile(op: OpContext) -> None:
    """A repeated dimension n becomes 1 x n, broadcast to count x n."""
    x, counts = op.type(0), op.integers(1, "the multiples")
    if len(counts) != len(x.shape) or min(counts, default=1) < 1:
        raise Refusal(f"multiples {list(counts)} of shape {list(x.shape)}; accepted: one per dimension, 1 and more")
    pairs = list(zip(counts, x.shape, strict=True))
    before = tuple(d for count, n in pairs for d in ((1, n) if count > 1 else (n,)))
    after = tuple(d for count, n in pairs for d in ((count, n) if count > 1 else (n,)))
    split = op.emit_hidden("reshape", [op.input(0)], ReshapeAttrs(before), x)
    repeated = op.emit_hidden("broadcast", [split], BroadcastAttrs(after), x)
    op.emit("reshape", [repeated], ReshapeAttrs(tuple(count * n for count, n in pairs)))


def _gather(op: OpContext) -> None:
    """Constant indices in equal steps are a slice, which may be a view."""
    options, x, indices = op.options(tflite.GatherOptions), op.type(0), op.type(1)
    axis = normalize_axis(options.Axis(), len(x.shape))
    batch_dims = options.BatchDims() + (len(indices.shape) if options.BatchDims() < 0 else 0)
    if not op.is_constant(1):
        op.emit("gather", op.inputs(), GatherAttrs(axis, batch_dims))
        return
    picks = _constant_indices(op, x.shape[axis])
    steps = np.unique(np.diff(picks.reshape(-1)))
    if batch_dims == 0 and len(steps) <= 1 and 0 not in steps:
        _gather_slice(op, axis, picks, int(steps[0]) if len(steps) else 1)
        return
    constant = op.add_constant(picks, TensorType(picks.shape, DType.S32))
    op.emit("gather", [op.input(0), constant], GatherAttrs(axis, batch_dims))


def _gather_slice(op: OpContext, axis: int, picks: Array, step: int) -> None:
    x = op.type(0)
    begin, size, stride = [0] * len(x.shape), list(x.shape), [1] * len(x.shape)
    begin[axis], size[axis], stride[axis] = int(picks.reshape(-1)[0]), picks.size, step
    part = op.emit_hidden("slice", [op.input(0)], SliceAttrs(tuple(begin), tuple(size), tuple(stride)), x)
    op.emit("reshape", [part], ReshapeAttrs((*x.shape[:axis], *picks.shape, *x.shape[axis + 1 :])))


def _constant_indices(op: OpContext, size: int) -> Array:
    """The indices as int32; Refusal where one is outside the axis."""
    values = op.integers(1, "the index tensor")
    if min(values) < 0 or max(values) >= size:
        raise Refusal(f"indices {min(values)}..{max(values)} along an axis of {size}; accepted: 0..{size - 1}")
    return np.array(values, np.int32).reshape(op.type(1).shape)


CONVERTERS = {
    "BROADCAST_TO": Converter(_broadcast_to, ("broadcast",), "constant shape"),
    "CONCATENATION": Converter(_concatenation, ("concat",), SAME_QUANT),
    "EXPAND_DIMS": Converter(_expand_dims, ("reshape",), "constant axis"),
    "GATHER": Converter(_gather, ("gather", "slice"), "int32 indices; out of range at run time: clamped"),
    "PACK": Converter(_pack, ("reshape", "concat"), SAME_QUANT),
    "RESHAPE": Converter(_reshape, ("reshape",), "constant shape"),
    "SQUEEZE": Converter(_squeeze, ("reshape",)),
    "TILE": Converter(_tile, ("reshape", "broadcast"), "constant multiples"),
    "TRANSPOSE": Converter(_transpose, ("transpose",), "constant permutation"),
}
