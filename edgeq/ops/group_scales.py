"""Scales of blocks of weights, as files have them, as factors on one scale per row (`edgeq.ops.weight_groups`)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeq.ir import DType, Quant, TensorType
from edgeq.ir.tensor import dequantize
from edgeq.ops.op import Array
from edgeq.ops.weight_groups import spread

_LARGEST_FACTORS = np.arange(1, 256)
"""Of a row's largest block: what suits the others best."""

_EXACT = 1e-12
"""Of the weights' energy: what rounding to float32 may be."""

_LARGEST_ERROR = 1 / 32
"""Of a scale, as a ratio to it; integers of 4 bits stand for reals up to 1/14 of the largest beside them."""


@dataclass(frozen=True)
class GroupedWeights:
    """Integers with a scale per row and a factor per block.

    Attributes:
        integers: of the file, less a zero point.
        type: theirs, with scales along the dimension of the rows.
        factors: of the shape of the integers, but for one dimension, in which there is one per block.
    """

    integers: Array
    type: TensorType
    factors: NDArray[np.uint8]


def grouped_weights(integers: Array, dtype: DType, scales: Array, rows: int) -> GroupedWeights | None:
    """Scales as nearly as factors of 1 to 255 can have them.

    A factor is off by half a step at most, 1/255 to 1/510 of the row's largest scale.

    Args:
        integers: without zero points.
        dtype: of them.
        scales: above 0, of the shape of the integers but for one dimension, in which there is one per block.
        rows: the dimension that counts outputs.

    Returns:
        None where one would be off by more than a part in 32, as one may that is less than 1/16 of its row's largest.
    """
    wanted = np.moveaxis(scales, rows, 0).reshape(scales.shape[rows], -1).astype(np.float64)
    energy = _energy(integers, scales, rows)
    exact = _EXACT * (np.square(wanted) * energy).sum(axis=1)
    steps, factors, least = wanted[:, 0], wanted, np.full(len(wanted), np.inf)
    for largest in _LARGEST_FACTORS:
        step = wanted.max(axis=1) / largest
        found = np.maximum(np.rint(wanted / step[:, None]), 1)
        error = (np.square(found * step[:, None] - wanted) * energy).sum(axis=1)
        error = np.where(error < exact, 0, error)
        better = error < least
        steps, least = np.where(better, step, steps), np.where(better, error, least)
        factors = np.where(better[:, None], found, factors)
    if (np.abs(factors * steps[:, None] - wanted) > _LARGEST_ERROR * wanted)[energy > 0].any():
        return None
    moved = factors.reshape(np.moveaxis(scales, rows, 0).shape).astype(np.uint8)
    quant = Quant(tuple(float(np.float32(s)) for s in steps), (0,) * len(steps), rows)
    type_ = TensorType(integers.shape, dtype, quant)
    return GroupedWeights(integers, type_, np.ascontiguousarray(np.moveaxis(moved, 0, rows)))


def _energy(integers: Array, scales: Array, rows: int) -> NDArray[np.float64]:
    """The sum of the squares of each block's integers, `[rows, blocks]`."""
    squares = np.square(integers.astype(np.float64))
    for axis, (blocks, size) in enumerate(zip(scales.shape, integers.shape, strict=True)):
        if blocks != size:
            split = (*squares.shape[:axis], blocks, size // blocks, *squares.shape[axis + 1 :])
            squares = squares.reshape(split).sum(axis=axis + 1)
    return np.moveaxis(squares, rows, 0).reshape(scales.shape[rows], -1)


def reals_of_groups(integers: Array, type_: TensorType, factors: Any = None) -> Array:
    """What integers stand for, as float32; `factors` are None where there are no groups."""
    reals: Array = dequantize(integers, type_)
    return reals if factors is None else reals * spread(np.asarray(factors, np.float32), reals)
