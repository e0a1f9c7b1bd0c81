"""The output stage of a channel as a step function of its sums: where the rounding in force changes the output."""

from dataclasses import dataclass

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import requantize
from edgeq.ops.op import Array

_LARGEST_SUM = 2**30 - 1
_NEARBY = (1, 3)
"""Sums between a step and its place on the reals: mostly, and where rounding away from zero has moved it."""


@dataclass(frozen=True)
class Scaling:
    """What becomes of the sums of a layer.

    Attributes:
        bias: int64 `[regions, channels]`, with all that is constant in the sums.
        least: per channel, a bound from below of what is added to that.
        greatest: likewise from above.
        multiplier: Q31 mantissas, one per channel.
        shift: their powers of two, to the left.
        offset: the output's zero point.
        low: the smallest output.
        high: the largest.
    """

    bias: Array
    least: Array
    greatest: Array
    multiplier: Array
    shift: Array
    offset: int
    low: int
    high: int

    def outputs(self, sums: Array) -> Array:
        """Of sums `[channels, n]`, bias included, with the rounding in force."""
        factors = self.multiplier[:, None].astype(np.int64), self.shift[:, None].astype(np.int64)
        return requantize(sums, *factors, self.offset, self.low, self.high)


@dataclass(frozen=True)
class Steps:
    """Where outputs change, `[channels, steps]`.

    Attributes:
        places: the smallest sum with this output or more.
        outputs: above the first of the channel.
        real: whether the channel has this step; what stands in the others means nothing.
        first: the channel's smallest output.
        count: its number of steps.
        known: whether all places of a channel are right.
    """

    places: Array
    outputs: Array
    real: Array
    first: Array
    count: Array
    known: Array


def find_steps(scaling: Scaling) -> Steps:
    """Where the outputs of a layer change: near where they would on the reals.

    Raises:
        Refusal: where sums can grow too large to be requantized.
    """
    least, greatest = scaling.bias.min(axis=0) + scaling.least, scaling.bias.max(axis=0) + scaling.greatest
    largest = max(-int(least.min()), int(greatest.max()))
    if largest > _LARGEST_SUM:
        raise Refusal(f"sums can grow to {largest}; accepted: up to {_LARGEST_SUM}")
    ends = scaling.outputs(np.stack([least, greatest], axis=1))
    outputs = np.arange(scaling.low + 1, scaling.high + 1)
    real = (ends[:, :1] < outputs) & (outputs <= ends[:, 1:])
    scales = np.ldexp(scaling.multiplier.astype(np.float64), scaling.shift.astype(np.int32) - 31)
    on_reals = (outputs - 0.5 - scaling.offset) / np.maximum(scales, 2.0**-40)[:, None]
    near = np.where(real, np.rint(on_reals), 0).astype(np.int64)
    for reach in _NEARBY:
        places = near + reach
        for distance in range(reach, -reach - 1, -1):
            places = np.where(scaling.outputs(near + distance) >= outputs, near + distance, places)
        right = (scaling.outputs(places) >= outputs) & (scaling.outputs(places - 1) < outputs)
        if right[real].all():
            break
    # A larger scale shifts sums to the left: where they may lose their upper bits, it is not a step function.
    shifted = np.maximum(-least, greatest) << np.clip(scaling.shift.astype(np.int64), 0, 31)
    known = (~real | right).all(axis=1) & (shifted < 2**31)
    return Steps(places, outputs - ends[:, :1], real, ends[:, 0], ends[:, 1] - ends[:, 0], known)
