"""Channels that are scaled by 1/2 or more: how the output stages of `edgeq.kernels.stages` round them too.

Of such a channel an output is round(sum * scale), halves up, and nothing is left to shift. A stage whose shift is 0
makes the same of it, but subtracts 1 from what is negative, or rounds down, depending on the rounding in force. So
something is added to the sums, and what that makes of the outputs is subtracted from them: enough that no sum is
negative of which an output within 8 bits is made; and such that it is, scaled, a whole number, or one and a half, but
for so little that nothing is rounded otherwise.
"""

import numpy as np

from edgeq.fixedpoint import Rounding, current_rounding
from edgeq.ops.op import Array

_ONE = 2**31
_HALF = 2**30

_LOWEST, _HIGHEST = -130, 129
"""Outputs beyond saturate, and would if they were 1 nearer."""


def raise_sums(factors: Array, least: Array, greatest: Array, offset: int) -> tuple[Array, Array]:
    """What is added to sums, and what that adds to outputs; int64, per channel.

    Args:
        factors: scales, times 2**31; 2**30 or more.
        least: the smallest sum of a channel.
        greatest: the largest.
        offset: the output's zero point.
    """
    raised = [
        _raise(int(factor), max(int(low), -((offset - _LOWEST) * _ONE // int(factor))), int(high), offset)
        for factor, low, high in zip(factors, least, greatest, strict=True)
    ]
    both = np.array(raised, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _raise(factor: int, least: int, greatest: int, offset: int) -> tuple[int, int]:
    """Of one channel, whose sums from `least` on matter."""
    half = _HALF if current_rounding() is Rounding.SINGLE else 0
    greatest = min(greatest, (_HIGHEST - offset) * _ONE // factor)
    sums = np.arange(least, max(least, greatest) + 1, dtype=np.int64)
    places = (sums * factor + _HALF) % _ONE  # on the way from where an output begins to where the next one does
    nearest, farthest = int(places.min()), int(places.max())
    first, missing = max(0, -least), nearest - half
    added = first + _first_within(factor, (first * factor + missing) % _ONE, nearest + _ONE - 1 - farthest)
    return added, (added * factor + missing) // _ONE


def _first_within(factor: int, start: int, most: int) -> int:
    """The smallest n >= 0 with (start + n * factor) % 2**31 <= most; there is one."""
    if start <= most:
        return 0
    return _first_between(factor % _ONE, _ONE, _ONE - start, _ONE - start + most)


def _first_between(factor: int, modulus: int, low: int, high: int) -> int:
    """The smallest n >= 0 with low <= n * factor % modulus <= high, where 0 < low; by Euclid's algorithm."""
    n = -(-low // factor)
    if n * factor <= high:
        return n
    # n * factor - rounds * modulus lies between: so rounds * modulus, modulo factor, lies between -high and -low.
    rounds = _first_between(modulus % factor, factor, -high % factor, -low % factor)
    return -(-(low + rounds * modulus) // factor)
