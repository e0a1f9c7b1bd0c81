"""The output stage for cores without long multiplications: what `runtime_c/src/isa/ramp.h` computes with.

An output is a step function of its sum that never falls: flat, then a slope of at most 255 steps, then flat again. With
`a`, the sum counted from the end of the lower flat part and clamped to the slope's length, it is

    (a * high + ((a * low) >> 13) + intercept) >> 24        modulo 2**32

where high + low / 2**13 is the slope, times 2**24. That is exactly what the rounding in force makes of the sum if it
agrees on both sides of every step, and so it is made to agree, step by step. Where it cannot, because rounding away
from zero or to even makes the steps uneven, the channel gets a stage of `edgeq.kernels.stages`.
"""

from dataclasses import dataclass

import numpy as np

from edgeq.fixedpoint import Rounding, current_rounding
from edgeq.kernels.large_scales import raise_sums
from edgeq.kernels.stages import make_stages
from edgeq.kernels.steps import Scaling, Steps, find_steps
from edgeq.ops.op import Array

PRODUCT = -(2**31)
"""The sign of the second word of a channel that has no ramp."""

_BITS = 13
"""Of the lower part of a slope."""

_LONGEST = 2 ** (32 - _BITS)
"""Sums on a slope, whose product with the lower part must fit a word."""

_MOST_LEFT = 15
"""Bits by which a channel without a ramp may shift its sums."""

_SLOPES = (0, 1, -1, 2, -2)
"""Tried around the nearest fraction."""


@dataclass(frozen=True)
class SwarStages:
    """Integers of an output stage.

    Attributes:
        words: int32 `[channels, 5]`: the bias, with a ramp counted from where it begins; then length, high, low,
            intercept, the bits of unsigned words; or, where the second word is negative, its lower byte and what
            follows are shift, multiplier, addend, 0, and its second byte says how far sums are shifted to the left.
        bias: int32 `[regions, channels]` where there is more than one region; the bias in `words` is then 0.
    """

    words: Array
    bias: Array | None

    @property
    def products(self) -> int:
        """How many channels have no ramp."""
        return int((self.words[:, 1] < 0).sum())


def make_swar_stages(scaling: Scaling) -> SwarStages:
    """The stages of a layer, with the rounding in force; ramps where the bias is the same in all regions.

    Raises:
        Refusal: where a channel has no ramp, and `make_stages` refuses the layer.
    """
    if len(scaling.bias) > 1:
        added, words = _products(scaling, np.ones(len(scaling.multiplier), bool))
        return SwarStages(_words(np.zeros_like(added), words), (scaling.bias + added).astype(np.int32))
    steps = find_steps(scaling)
    any_steps = steps.count > 0
    starts = np.where(any_steps, np.where(steps.real, steps.places, 2**40).min(axis=1, initial=2**40) - 1, 0)
    ends = np.where(any_steps, np.where(steps.real, steps.places, -(2**40)).max(axis=1, initial=-(2**40)), 0)
    lengths = ends - starts
    short = steps.known & (lengths < _LONGEST)
    slopes, intercepts = _slopes(scaling, steps, starts, lengths)
    ramped = short & (intercepts >= 0)
    heights = (intercepts + (steps.first.astype(np.int64) << 24)) % 2**32
    words = np.stack([lengths, slopes >> _BITS, slopes & ((1 << _BITS) - 1), heights], axis=1)
    added, products = _products(scaling, ~ramped)
    words = np.where(ramped[:, None], words, products)
    return SwarStages(_words(scaling.bias[0] + np.where(ramped, -starts, added), words), None)


def _words(bias: Array, words: Array) -> Array:
    """All words of the stages, int32."""
    return np.hstack([bias[:, None], words]).astype(np.uint32).view(np.int32)


def _products(scaling: Scaling, which: Array) -> tuple[Array, Array]:
    """What is added to the biases of channels without a ramp, and their words; of the others, 0."""
    added, words = np.zeros(len(which), np.int64), np.zeros((len(which), 4), np.int64)
    if not which.any():
        return added, words
    bias, multiplier, shift = scaling.bias[:, which], scaling.multiplier[which], scaling.shift[which].astype(np.int64)
    least, greatest = scaling.least[which], scaling.greatest[which]
    large = (shift >= 0) & (shift <= _MOST_LEFT) & (multiplier > 0) & (current_rounding() is not Rounding.FLOAT32)
    left, more, raised = np.where(large, shift, 0), np.zeros_like(shift), np.zeros_like(shift)
    ends = (bias.min(axis=0) + least)[large], (bias.max(axis=0) + greatest)[large]
    factors = multiplier[large].astype(np.int64) << left[large]
    more[large], raised[large] = raise_sums(factors, *ends, scaling.offset)
    largest = np.maximum(-least, greatest) << left
    offset = scaling.offset - raised
    stages = make_stages((bias + more) << left, multiplier, shift - left, offset, largest, large)
    mantissa, addend, right = stages.words.astype(np.int64).T
    added[which] = more
    words[which] = np.stack([(right & 0xFF) + (left << 8) + PRODUCT, mantissa, addend, np.zeros_like(addend)], axis=1)
    return added, words


def _slopes(scaling: Scaling, steps: Steps, starts: Array, lengths: Array) -> tuple[Array, Array]:
    """Slopes, in units of 2**-37, and intercepts, with which ramps make exactly the steps; -1: there is none."""
    doubled = np.ldexp(scaling.multiplier.astype(np.float64), scaling.shift.astype(np.int32) + _BITS - 6)
    nearest = np.where(steps.count > 0, (doubled.astype(np.int64) + 1) >> 1, 0)
    slopes, intercepts = nearest, np.full_like(nearest, -1)
    on = steps.places - starts[:, None]
    targets = steps.outputs.astype(np.int64) << 24
    for near in _SLOPES:
        slope = np.maximum(nearest + near, 0)
        at_least = np.where(steps.real, targets - _risen(on, slope[:, None]), 0).max(axis=1, initial=0)
        below = np.where(steps.real, targets - _risen(on - 1, slope[:, None]), 2**24).min(axis=1, initial=2**24)
        below = np.minimum(below, ((steps.count + 1) << 24) - _risen(lengths, slope))
        found = (intercepts < 0) & (at_least < below)
        slopes, intercepts = np.where(found, slope, slopes), np.where(found, (at_least + below) // 2, intercepts)
        if (intercepts >= 0).all():
            break
    return slopes, intercepts


def _risen(a: Array, slope: Array) -> Array:
    """How far a ramp has risen, in units of 2**-24."""
    low = slope & ((1 << _BITS) - 1)
    return np.asarray(a * (slope >> _BITS) + (a * low >> _BITS))
