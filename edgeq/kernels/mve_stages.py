"""What kernels for Arm's MVE have in common offline: sums per channel, and the stages of `isa/mve_stage.h`."""

from dataclasses import dataclass

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import Rounding, current_rounding
from edgeq.kernels.stages import make_stages
from edgeq.ops.op import Array

TAPS = 16
"""Products of one instruction."""

_NOTHING = (0, 0, -1)
"""The words of a channel that is only there to fill a vector."""


@dataclass(frozen=True)
class Sums:
    """The sums of a layer, and what becomes of them.

    Attributes:
        bias: int `[regions, channels]`, with all that is constant in the sums of products of the inputs as they are.
        filters: `[channels, taps]`.
        multiplier: Q31 mantissas, one per channel.
        shift: their powers of two, to the left.
        offset: the output's zero point.
    """

    bias: Array
    filters: Array
    multiplier: Array
    shift: Array
    offset: int

    def stages(self) -> Array:
        """int32 `[regions, channels, 3]`: bias, multiplier, and shift to the left, with the rounding in force.

        Raises:
            Refusal: where the layer does not fit.
        """
        largest = 128 * np.abs(self.filters).sum(axis=1)
        made = make_stages(self.bias, self.multiplier, self.shift, self.offset, largest)
        multiplier, _, shift = made.words.T
        left = shift if current_rounding() is Rounding.FLOAT32 else -shift
        words = np.broadcast_arrays(made.bias // 2, multiplier, left)
        return np.stack(words, axis=2).astype(np.int32)


def refusal(weight_offset: int, sums: Sums) -> str | None:
    """Why a layer does not fit, if so."""
    if weight_offset != 0:
        return "the filter has a zero point other than 0; accepted: 0"
    try:
        sums.stages()
    except Refusal as refused:
        return str(refused)
    return None


def filled(words: Array, multiple: int) -> Array:
    """Stages with channels that do nothing, up to a multiple."""
    regions, channels, count = words.shape
    result = np.empty((regions, round_up(channels, multiple), count), np.int32)
    result[:] = _NOTHING
    result[:, :channels] = words
    return result


def round_up(count: int, multiple: int) -> int:
    """The next multiple."""
    return -(-count // multiple) * multiple
