"""Converters for operators that move blocks of an image into channels or into the batch, and back.

Each splits dimensions into block and position within it, reorders them, and merges them again.
"""

import math

import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.importers.tflite.padding import paddings
from edgeq.ir import Shape
from edgeq.ops.pad import PadAttrs
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.ops.slice import SliceAttrs
from edgeq.ops.transpose import TransposeAttrs
from edgeq.ops.windows import nhwc


def _image(op: OpContext, block: int) -> tuple[int, int, int, int]:
    shape = op.type(0).shape
    if len(shape) != 4 or block < 1:
        raise Refusal(
            f"blocks of {block} in shape {list(shape)}; accepted: 1 and more, in batch, height, width, channels"
        )
    return nhwc(shape)


def _reordered(op: OpContext, value: str, split: Shape, perm: Shape) -> str:
    """`value` with its dimensions split and reordered, still to be merged."""
    x = op.type_of(value)
    parts = op.emit_hidden("reshape", [value], ReshapeAttrs(split), x)
    return op.emit_hidden("transpose", [parts], TransposeAttrs(perm), x)


def _space_to_depth(op: OpContext) -> None:
    block = op.options(tflite.SpaceToDepthOptions).BlockSize()
    n, h, w, c = _image(op, block)
    if h % block or w % block:
        raise Refusal(f"an image of {h} x {w} in blocks of {block}; accepted: whole blocks")
    split = (n, h // block, block, w // block, block, c)
    reordered = _reordered(op, op.input(0), split, (0, 1, 3, 2, 4, 5))
    op.emit("reshape", [reordered], ReshapeAttrs((n, h // block, w // block, block * block * c)))


def _depth_to_space(op: OpContext) -> None:
    block = op.options(tflite.DepthToSpaceOptions).BlockSize()
    n, h, w, c = _image(op, block)
    if c % (block * block):
        raise Refusal(f"{c} channels as blocks of {block} x {block}; accepted: whole blocks")
    split = (n, h, w, block, block, c // (block * block))
    reordered = _reordered(op, op.input(0), split, (0, 1, 3, 2, 4, 5))
    op.emit("reshape", [reordered], ReshapeAttrs((n, h * block, w * block, split[-1])))


def _block_shape(op: OpContext) -> Shape:
    """Sizes of a block along the dimensions behind the batch."""
    blocks = op.integers(1, "the block shape")
    rank = len(op.type(0).shape)
    if not len(blocks) < rank or min(blocks) < 1:
        raise Refusal(f"block shape {list(blocks)} in a tensor of rank {rank}; accepted: sizes behind the batch")
    return blocks


def _space_to_batch(op: OpContext) -> None:
    x, blocks = op.type(0), _block_shape(op)
    spatial = len(blocks)
    behind = (0,) * (len(x.shape) - 1 - spatial)
    before, after = paddings(op, spatial, position=2)
    padded = op.emit_hidden("pad", [op.input(0)], PadAttrs((0, *before, *behind), (0, *after, *behind)), x)
    batch, *sizes = op.type_of(padded).shape
    if any(size % block for size, block in zip(sizes, blocks, strict=False)):
        raise Refusal(f"padded shape {[batch, *sizes]} in blocks of {list(blocks)}; accepted: whole blocks")
    counts = tuple(size // block for size, block in zip(sizes, blocks, strict=False))
    rest = tuple(sizes[spatial:])
    split = (batch, *(d for pair in zip(counts, blocks, strict=True) for d in pair), *rest)
    within, between = tuple(range(2, 2 * spatial + 1, 2)), tuple(range(1, 2 * spatial, 2))
    perm = (*within, 0, *between, *range(2 * spatial + 1, len(split)))
    reordered = _reordered(op, padded, split, perm)
    op.emit("reshape", [reordered], ReshapeAttrs((batch * math.prod(blocks), *counts, *rest)))


def _batch_to_space(op: OpContext) -> None:
    x, blocks = op.type(0), _block_shape(op)
    spatial = len(blocks)
    batch, *sizes = x.shape
    if batch % math.prod(blocks):
        raise Refusal(f"a batch of {batch} in blocks of {list(blocks)}; accepted: whole blocks")
    before, after = paddings(op, spatial, "the crops", 2)
    rest = tuple(sizes[spatial:])
    split = (*blocks, batch // math.prod(blocks), *sizes)
    between = tuple(d for i in range(spatial) for d in (spatial + 1 + i, i))
    perm = (spatial, *between, *range(2 * spatial + 1, len(split)))
    merged = tuple(size * block for size, block in zip(sizes, blocks, strict=False))
    reordered = _reordered(op, op.input(0), split, perm)
    whole = op.emit_hidden("reshape", [reordered], ReshapeAttrs((split[spatial], *merged, *rest)), x)
    kept = tuple(n - b - a for n, b, a in zip(merged, before, after, strict=True))
    behind = (0,) * len(rest)
    attrs = SliceAttrs((0, *before, *behind), (split[spatial], *kept, *rest), (1,) * len(x.shape))
    op.emit("slice", [whole], attrs)


CONVERTERS = {
    "BATCH_TO_SPACE_ND": Converter(_batch_to_space, ("reshape", "transpose", "slice"), "constant blocks and crops"),
    "DEPTH_TO_SPACE": Converter(_depth_to_space, ("reshape", "transpose")),
    "SPACE_TO_BATCH_ND": Converter(
        _space_to_batch, ("pad", "reshape", "transpose"), "constant blocks and paddings; pads with the zero point"
    ),
    "SPACE_TO_DEPTH": Converter(_space_to_depth, ("reshape", "transpose")),
}
