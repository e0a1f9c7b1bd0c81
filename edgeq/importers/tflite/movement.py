"""Converters for operators that move data without computing."""

import math

import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.builder import Converter, OpContext
from edgeq.ir import Shape
from edgeq.ops.concat import ConcatAttrs
from edgeq.ops.reshape import ReshapeAttrs


def normalize_axis(axis: int, rank: int) -> int:
    """An axis counted from the front; Refusal where the tensor has no such axis."""
    if not -rank <= axis < rank:
        raise Refusal(f"axis {axis} of a tensor of rank {rank}")
    return axis % rank


def _reshape(op: OpContext) -> None:
    """The shape is the second input, else the option, else what the file declares for the output."""
    if op.has_input(1):
        wanted = op.integers(1, "the new shape")
    else:
        options = op.options(tflite.ReshapeOptions)
        declared = () if options.NewShapeIsNone() else tuple(int(d) for d in options.NewShapeAsNumpy())
        wanted = declared or op.output_tensor().shape
    op.emit("reshape", [op.input(0)], ReshapeAttrs(_complete(wanted, op.type(0).size)))


def _complete(shape: Shape, size: int) -> Shape:
    """Replace the one -1 that a shape may have by what is left of `size`."""
    if shape.count(-1) > 1 or any(d < -1 for d in shape):
        raise Refusal(f"new shape {list(shape)}; accepted: one -1 at most")
    known = math.prod(d for d in shape if d != -1)
    if -1 in shape and (known == 0 or size % known):
        raise Refusal(f"{size} elements do not fill the shape {list(shape)}")
    return tuple(size // known if d == -1 else d for d in shape)


def _concatenation(op: OpContext) -> None:
    options = op.options(tflite.ConcatenationOptions)
    if options.FusedActivationFunction():
        raise Refusal("a fused activation on a concatenation; accepted: none")
    axis = normalize_axis(options.Axis(), len(op.type(0).shape))
    op.emit("concat", op.inputs(), ConcatAttrs(axis))


CONVERTERS = {
    "CONCATENATION": Converter(_concatenation, ("concat",), "inputs and output share scale and zero point"),
    "RESHAPE": Converter(_reshape, ("reshape",)),
}
