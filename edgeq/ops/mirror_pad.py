"""`mirror_pad`: a border that mirrors what lies within it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.ir import Shape, TensorType
from edgeq.ops.op import I32, Array, Lowering, Op, Params, S32Data, require_same_elements
from edgeq.ops.pad import padded_shape


@dataclass(frozen=True)
class MirrorPadAttrs:
    """Per dimension: how many elements are added before and after.

    `reflect`: the outermost element is the mirror's axis and is not repeated; else the axis runs between it and its
    image.
    """

    before: Shape
    after: Shape
    reflect: bool


@dataclass(frozen=True)
class MirrorPadParams(Params):
    """`extents` of the input, `out_extents` of the output, in elements of `run_bytes` bytes.

    `overlap` is 1 where the outermost element is the mirror's axis, else 0.
    """

    struct: ClassVar[str] = "mirror_pad"

    rank: I32
    run_bytes: I32
    overlap: I32
    extents: S32Data
    out_extents: S32Data
    before: S32Data


def _infer(attrs: MirrorPadAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    shape = padded_shape(attrs.before, attrs.after, inputs[0])
    for before, size, after in zip(attrs.before, inputs[0].shape if inputs[0] else (), attrs.after, strict=True):
        if max(before, after) > size - attrs.reflect:
            raise Refusal(f"a mirror image of {max(before, after)} elements; {size - attrs.reflect} can be mirrored")
    return (shape,)


def _eval_float(attrs: MirrorPadAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    widths = tuple(zip(attrs.before, attrs.after, strict=True))
    return (np.pad(inputs[0], widths, mode="reflect" if attrs.reflect else "symmetric") if widths else inputs[0],)


def _lower(attrs: MirrorPadAttrs, lowering: Lowering) -> MirrorPadParams:
    x, output = lowering.input(0), lowering.outputs[0]
    require_same_elements(x, output)
    # Dimensions behind the last one that grows move as one; the kernel needs one dimension at least.
    grown = [i + 1 for i, (a, b) in enumerate(zip(x.shape, output.shape, strict=True)) if a != b]
    rank = max(grown, default=0)
    return MirrorPadParams(
        rank=max(rank, 1),
        run_bytes=math.prod(x.shape[rank:]) * x.dtype.bytes,
        overlap=int(attrs.reflect),
        extents=np.array(x.shape[:rank] or (1,), np.int32),
        out_extents=np.array(output.shape[:rank] or (1,), np.int32),
        before=np.array(attrs.before[:rank] or (0,), np.int32),
    )


def _eval_int(params: MirrorPadParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    x = inputs[0]
    elements = np.ascontiguousarray(x).reshape(-1).view(np.uint8).reshape(*params.extents, params.run_bytes)
    for axis, (size, out_size, before) in enumerate(
        zip(params.extents, params.out_extents, params.before, strict=True)
    ):
        place = np.arange(out_size) - before
        image = np.where(place < 0, -place - 1 + params.overlap, 2 * size - 1 - params.overlap - place)
        elements = elements.take(np.where((place >= 0) & (place < size), place, image), axis=axis)
    return (np.ascontiguousarray(elements).reshape(-1).view(x.dtype),)


MIRROR_PAD = Op(
    name="mirror_pad",
    attrs=MirrorPadAttrs,
    infer=_infer,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=_eval_int,
    aliases=lambda params: (0,) if np.array_equal(params.extents, params.out_extents) else None,
)
