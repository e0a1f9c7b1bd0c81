"""The shortest output stage, for kernels whose sums can be scaled for nothing: one product and one shift.

A sum that comes times 2**exponent, and with `start` added, becomes

    (addend + floor(sum * multiplier / 2**32)) >> SHIFT

which is then saturated. That is exactly what the rounding in force makes of the sum if both agree on both sides of
every step of the output: always where there is one rounding, or two and an activation that is 0 below 0, so that it
does not matter which way halves of negative numbers go; often where floats are rounded.
"""

from dataclasses import dataclass

import numpy as np

from edgeq.errors import Refusal
from edgeq.kernels.steps import Scaling, Steps, find_steps
from edgeq.ops.op import Array

SHIFT = 12
"""Bits of fraction that are left of a product; the kernels know it."""

_LARGEST_OUTPUT = 2**16
"""Before it is saturated: so that product and addend fit 32 bits, and times 2**32, 64 bits."""

_FEW, _SOME = 2, 4
"""Below the first exponent the multiplier is not kept as it is; with the second, sums can begin with a little."""

_STARTS = 64
"""Tried for sums to begin with: an addend alone is coarse."""

_ANY = 1 << 61
"""Beyond every bound of what is added, times 2**32."""


@dataclass(frozen=True)
class LinearStages:
    """Integers of an output stage, per channel, int64; but for the exponents, all fit int32."""

    exponents: Array
    start: Array
    multiplier: Array
    addend: Array


def make_linear_stages(scaling: Scaling, largest_exponents: Array) -> LinearStages:
    """The stages of a layer with one bias per channel, with the rounding in force.

    Args:
        scaling: what becomes of the sums.
        largest_exponents: per channel, the largest power of two by which its sums may be scaled.

    Raises:
        Refusal: where a channel has no such stage.
    """
    steps = find_steps(scaling)
    ends = np.stack([scaling.bias[0] + scaling.least, scaling.bias[0] + scaling.greatest], axis=1)
    exponents, multiplier = _multipliers(scaling, np.abs(ends).max(axis=1), largest_exponents)
    fits, start, addend = _between(*_bounds(steps, multiplier << exponents, scaling, ends), multiplier)
    if not (fits & steps.known).all():
        accepted = "one rounding, or an activation that is 0 below 0"
        raise Refusal(f"outputs change at sums that are not evenly apart; accepted: {accepted}")
    return LinearStages(exponents, start, multiplier, addend)


def _multipliers(scaling: Scaling, largest: Array, largest_exponents: Array) -> tuple[Array, Array]:
    """Exponents and multipliers, of sums up to `largest`."""
    same = SHIFT + 1 + scaling.shift.astype(np.int64)  # with this exponent the multiplier stays as it is
    exponents = np.minimum(np.where(same < _FEW, _SOME, same), largest_exponents)
    if (same > exponents).any():
        raise Refusal(f"a channel is scaled by 2^{int(scaling.shift.max()) - 1} or more; accepted: by less than 2^-5")
    scaled = np.ldexp(scaling.multiplier.astype(np.float64), (same - exponents).astype(np.int32))
    multiplier = np.rint(scaled).astype(np.int64)
    if (largest << exponents >= 2**30).any() or (
        (largest << exponents) * multiplier >> 32 + SHIFT
    ).max() >= _LARGEST_OUTPUT:
        raise Refusal(f"sums can grow too large; accepted: outputs up to {_LARGEST_OUTPUT} before they are saturated")
    return exponents, multiplier


def _bounds(steps: Steps, factors: Array, scaling: Scaling, ends: Array) -> tuple[Array, Array]:
    """From where to where what is added to a sum's product may lie, times 2**32, for each step to be where it is."""
    targets = (steps.outputs + steps.first[:, None]) << (SHIFT + 32)
    reached = np.where(steps.real, targets - steps.places * factors[:, None], -_ANY).max(axis=1, initial=-_ANY)
    early = np.where(steps.real, targets - (steps.places - 1) * factors[:, None], _ANY).min(axis=1, initial=_ANY)
    # At the ends, where there is none: saturation sees to what is beyond the range.
    first, last = steps.first, steps.first + steps.count
    from_first = np.where(first > scaling.low, (first << (SHIFT + 32)) - ends[:, 0] * factors, -_ANY)
    to_last = np.where(last < scaling.high, (last + 1 << (SHIFT + 32)) - ends[:, 1] * factors, _ANY)
    at_least, below = np.maximum(reached, from_first), np.minimum(early, to_last)
    return np.where(at_least > -_ANY, at_least, first << (SHIFT + 32)), below


def _between(at_least: Array, below: Array, multiplier: Array) -> tuple[Array, Array, Array]:
    """Whether there are a start and an addend that together lie between bounds; and which."""
    fits, starts, addends = np.full(at_least.shape, False), np.zeros_like(at_least), np.zeros_like(at_least)
    for start in range(_STARTS):
        addend = -((start * multiplier - at_least) >> 32)
        fit = ~fits & ((addend << 32) + start * multiplier < below)
        starts, addends, fits = np.where(fit, start, starts), np.where(fit, addend, addends), fits | fit
    return fits, starts, addends
