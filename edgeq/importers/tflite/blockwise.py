"""Weights with a scale for every block of inputs, as LiteRT writes them for models that compute with floats.

The scales are a tensor of the file of their own, float16 or float32, `[outputs, inputs / block]`. The reals that such
weights stand for are what a float model means; where the scales of a row are nearly multiples of one, its integers are
known too, and stay.
"""

from dataclasses import dataclass
from typing import Any

import flatbuffers.number_types as number
import flatbuffers.table
import numpy as np

from edgeq.errors import EdgeqError
from edgeq.ir import DType, Shape
from edgeq.ir.graph import Array
from edgeq.ops.group_scales import GroupedWeights, grouped_weights

BLOCKWISE = 2
"""Of the union `QuantizationDetails`."""


@dataclass(frozen=True)
class Blockwise:
    """The table `BlockwiseQuantization` of the schema: indices of tensors, -1 where there is none.

    Attributes:
        scales: of the tensor of scales.
        zero_points: of the tensor of zero points.
        size: of a block, along the last dimension of the weights.
    """

    scales: int
    zero_points: int
    size: int


@dataclass(frozen=True)
class Blocks:
    """What weights in blocks are.

    Attributes:
        reals: in float32.
        groups: their integers; None where factors would be too coarse for the scales.
    """

    reals: Array
    groups: GroupedWeights | None


def read_blockwise(details: Any) -> Blockwise:
    """From the table behind the union, read by the places of its fields."""
    table = flatbuffers.table.Table(details.Bytes, details.Pos)

    def field(place: int, default: int) -> int:
        offset = table.Offset(4 + 2 * place)
        return int(table.Get(number.Int32Flags, table.Pos + offset)) if offset else default

    return Blockwise(field(0, 0), field(1, -1), field(2, 0))


def blocks_of(what: str, integers: Array, dtype: DType, scales: Array, size: int) -> Blocks:
    """What the integers stand for.

    Args:
        what: names the tensor in messages.
        integers: `[outputs, inputs]`.
        dtype: of them.
        scales: as many as there are blocks.
        size: inputs in a block.

    Raises:
        EdgeqError: where the blocks do not divide the inputs, or the scales do not fit them.
    """
    shape = integers.shape
    if len(shape) != 2 or size < 1 or shape[1] % size:
        raise EdgeqError(
            f"{what} of shape {list(shape)} has blocks of {size}; accepted: matrices, blocks of 1 and more that divide "
            "their rows"
        )
    expected: Shape = (shape[0], shape[1] // size)
    if scales.size != expected[0] * expected[1]:
        raise EdgeqError(f"{what} has {scales.size} scales; accepted: {expected[0] * expected[1]}, one per block")
    if not (scales > 0).all():
        raise EdgeqError(f"{what} has a scale of {scales.min():g}; accepted: finite scales above 0")
    table = scales.reshape(expected).astype(np.float32)
    reals = integers.reshape(*expected, size).astype(np.float32) * table[..., None]
    return Blocks(reals.reshape(shape), grouped_weights(integers, dtype, table, rows=0))
