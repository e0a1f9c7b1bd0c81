"""Converters for borders around a tensor."""

import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.ir import Shape
from edgeq.ops.mirror_pad import MirrorPadAttrs
from edgeq.ops.pad import PadAttrs

_REFLECT, _SYMMETRIC = 0, 1


def paddings(op: OpContext, rank: int, what: str = "the paddings", position: int = 1) -> tuple[Shape, Shape]:
    """A constant of `rank` pairs as what comes before and what comes after each dimension."""
    values = op.integers(position, what)
    if len(values) != 2 * rank:
        raise Refusal(f"{what} have {len(values)} elements; accepted: {rank} pairs")
    if min(values, default=0) < 0:
        raise Refusal(f"{what} are {list(values)}; accepted: 0 and more")
    return values[0::2], values[1::2]


def _pad(op: OpContext) -> None:
    """PAD borders with real 0, PADV2 with its third input."""
    before, after = paddings(op, len(op.type(0).shape))
    if op.has_input(2):
        op.constant(2, "the padding value")
        op.emit("pad", [op.input(0), op.input(2)], PadAttrs(before, after))
    else:
        op.emit("pad", [op.input(0)], PadAttrs(before, after))


def _mirror_pad(op: OpContext) -> None:
    mode = op.options(tflite.MirrorPadOptions).Mode()
    if mode not in (_REFLECT, _SYMMETRIC):
        raise Refusal(f"mirror mode {mode}; accepted: REFLECT, SYMMETRIC")
    before, after = paddings(op, len(op.type(0).shape))
    op.emit("mirror_pad", [op.input(0)], MirrorPadAttrs(before, after, mode == _REFLECT))


CONVERTERS = {
    "MIRROR_PAD": Converter(_mirror_pad, ("mirror_pad",), "constant paddings"),
    "PAD": Converter(_pad, ("pad",), "constant paddings"),
    "PADV2": Converter(_pad, ("pad",), "constant paddings and value"),
}
