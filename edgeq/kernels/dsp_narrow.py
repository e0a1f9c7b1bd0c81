"""Weights of 1 to 4 bits as the inner loops for Arm's DSP extension read them: four channels in a halfword.

A halfword is 4096 * first + 256 * second + 16 * third + fourth, each a code: see `isa/narrow.h`.
"""

from collections.abc import Callable

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import wrap_int32
from edgeq.kernels.dsp_weights import Filters
from edgeq.ops.op import Array

GROUP = 4
"""Channels in a halfword."""

_SCALES = np.array([4096, 256, 16, 1])

_DOUBLING = np.array([11, 7, 3, 1])
"""Bits by which sums are shifted to be doubled, by the place: the last one to the left, the others to the right."""

_MOST_LEFT = 3
"""By how much more sums can be shifted to the left in each place."""

_LARGEST = np.array([2**19, 2**23, 2**27, 2**30]) - 1
"""Sums that fit, by the place of a channel in a halfword."""


def steps_of_round(bits: int) -> int:
    """Pairs of taps whose codes are together in one word or, of 3 bits, in three: `EDGEQ_STEPS_OF_ROUND`."""
    return 4 if bits == 3 else 4 // bits


def pack_codes(weights: Array, bits: int) -> Array:
    """Words of codes: int32 `[channels / 4, words]`.

    Args:
        weights: `[channels, taps]`, a multiple of 4; the number of taps is even.
        bits: of a weight.
    """
    steps = steps_of_round(bits)
    padded = np.pad(weights, ((0, 0), (0, -weights.shape[1] % (2 * steps))))
    if bits == 1:
        codes = (padded > 0).astype(np.int64)
    else:
        codes = padded + (1 << (bits - 1))
        if bits == 4:
            codes[0::GROUP] = padded[0::GROUP] & 15
    groups = codes.reshape(-1, GROUP, padded.shape[1] // (2 * steps), steps, 2)
    nibbles = np.array([12, 8, 4, 0])[:, None, None, None] + np.array([0, 16])
    if bits == 3:
        fourth = (groups[..., 3:, :] >> np.arange(3)[:, None]) & 1
        words = ((groups[..., :3, :] | fourth << 3) << nibbles).sum(axis=(1, 4))
        words = words.reshape(len(words), -1)
    else:
        words = (groups << nibbles + bits * np.arange(steps)[:, None]).sum(axis=(1, 3, 4))
    return np.asarray(words.astype(np.uint32).view(np.int32))


def scaled(filters: Filters) -> Filters:
    """With what the kernels want of channels that are constant, or scaled by 1/2 or more; in the order of the loop."""
    return filters.without_constants().scaled(_MOST_LEFT)


def pack_groups(filters: Filters, bits: int, together: int = GROUP) -> Array:
    """Words of codes of each group, and its output stages behind them, with the rounding in force.

    Args:
        filters: in the order of the loop, with channels that are a multiple of those of a group.
        bits: of a weight.
        together: channels of a group; word by word, the codes of each four of them follow upon each other.

    Raises:
        Refusal: where the stages do not fit.
    """
    codes = pack_codes(filters.weights, bits)
    beside = together // GROUP
    groups = codes.reshape(-1, beside, codes.shape[1]).transpose(0, 2, 1)
    return np.concatenate([groups.reshape(len(groups), -1), _stages(filters).reshape(len(groups), -1)], axis=1)


def _stages(filters: Filters) -> Array:
    """int32 `[channels, 3]`: multiplier, addend, and in bytes of a word the shift and that of the sum in its place."""
    words = filters.stages().words
    right = words[:, 2] & 0xFF
    left = np.zeros_like(right) + filters.left
    places = np.arange(len(words)) % GROUP
    doubling = np.where(places < GROUP - 1, _DOUBLING[places] - left, _DOUBLING[places] + left)
    return np.concatenate([words[:, :2], (right | doubling << 8)[:, None]], axis=1).astype(np.int32)


def pack_bias(bias: Array) -> Array:
    """Where the sums begin, int32 `[regions, channels]`: of each four those of all, of three, of two and of one."""
    scaled = bias.reshape(len(bias), -1, GROUP) * _SCALES
    together = np.cumsum(scaled[..., ::-1], axis=2)[..., ::-1]
    return wrap_int32(together).reshape(bias.shape).astype(np.int32)


def refuses(weight_offset: int, ordered: Callable[[], Filters]) -> str | None:
    """Why the kernels cannot compute a layer, if so.

    Args:
        weight_offset: zero point of the weights, negated.
        ordered: what makes the layer's filters, in the order of the loop; it may refuse them.
    """
    if weight_offset != 0:
        return "the filter has a zero point other than 0; accepted: 0"
    try:
        filters = scaled(ordered())
        filters.stages()
        _require_exact(filters)
    except Refusal as refusal:
        return str(refusal)
    return None


def _require_exact(filters: Filters) -> None:
    """Refuse sums that need more bits than a channel has in its place."""
    weights, bias = filters.weights, filters.bias
    above, below = np.maximum(weights, 0).sum(axis=1), np.maximum(-weights, 0).sum(axis=1)
    high = (127 * above + 128 * below + bias).max(axis=0, initial=0)
    low = (bias - 128 * above - 127 * below).min(axis=0, initial=0)
    largest = np.maximum(high, -low - 1).reshape(-1, GROUP).max(axis=0, initial=0)
    excess = np.flatnonzero(largest > _LARGEST)
    if excess.size:
        place = int(excess[0])
        raise Refusal(
            f"the sums of channel {place + 1} of four can grow to {largest[place]}; accepted: up to {_LARGEST[place]}"
        )
