"""In which order a value's dimensions are stored.

The layout pass speaks of each value as the file has it, and of a layout in which it is stored. So a `transpose` does
nothing: its result is its input in another layout.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from edgeq.ir import Shape, TensorType
from edgeq.ir.graph import Array


@dataclass(frozen=True)
class Columns:
    """The order within the last dimension: taken apart into `factors`, those are stored in `order`.

    What a flattened image is where its channels were last: of factors C, H, W the order is 1, 2, 0.
    """

    factors: Shape
    order: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Dimension k of what is stored is dimension `perm[k]` of the value; the last one may be in an order of its own."""

    perm: tuple[int, ...]
    columns: Columns | None = None

    @staticmethod
    def plain(rank: int) -> "Layout":
        """As the value is."""
        return Layout(tuple(range(rank)))

    @property
    def is_plain(self) -> bool:
        """Whether a value is stored as it is."""
        return self == Layout.plain(len(self.perm))

    def shape(self, shape: Shape) -> Shape:
        """What is stored of a value of this shape."""
        return tuple(shape[p] for p in self.perm)

    def moved(self, shape: Shape) -> tuple[int, ...]:
        """The order of the dimensions whose places matter: those of more than one element."""
        return tuple(p for p in self.perm if shape[p] > 1)

    def same_bytes(self, other: "Layout", shape: Shape) -> bool:
        """Whether a value of this shape lies in memory alike in both layouts."""
        return self.moved(shape) == other.moved(shape) and self.columns == other.columns

    def place(self, dimensions: Iterable[int]) -> tuple[int, ...]:
        """Where dimensions of the value are in what is stored, ascending."""
        return tuple(sorted(self.perm.index(d) for d in dimensions))

    def apply(self, array: Array) -> Array:
        """What is stored of an array."""
        if self.columns:
            parts = array.reshape(*array.shape[:-1], *self.columns.factors)
            leading = range(array.ndim - 1)
            array = parts.transpose(*leading, *(array.ndim - 1 + c for c in self.columns.order)).reshape(array.shape)
        return np.ascontiguousarray(array.transpose(self.perm))

    def type(self, type_: TensorType) -> TensorType | None:
        """The type of what is stored; None where scales per channel would have to change places."""
        quant = type_.quant
        if quant is not None and quant.axis is not None:
            if self.columns and quant.axis == len(type_.shape) - 1:
                return None
            quant = replace(quant, axis=self.perm.index(quant.axis))
        return TensorType(self.shape(type_.shape), type_.dtype, quant)


def steps_between(stored: Layout, wanted: Layout) -> tuple[int, ...]:
    """The permutation of a transpose from one layout of a value to another; neither has `columns`."""
    return tuple(stored.perm.index(p) for p in wanted.perm)


def completed(order: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """A permutation with these dimensions in this order, and the others, whose place does not matter, beside theirs.

    Leading ones stay in front; each other one stands before the one that follows it, or else behind the one before it.
    """
    perm = list(order)
    for dimension in reversed(range(rank)):
        if dimension in order:
            continue
        if all(d not in order for d in range(dimension)):
            place = 0
        elif dimension + 1 in perm:
            place = perm.index(dimension + 1)
        else:
            place = perm.index(dimension - 1) + 1 if dimension - 1 in perm else len(perm)
        perm.insert(place, dimension)
    return tuple(perm)
