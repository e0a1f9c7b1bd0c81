"""The output stage of fast kernels, made offline: what `runtime_c/rounding/<contract>/stage.h` computes with.

With a sum `s`, bias included, an output channel becomes

    double   (r + (r >> 31) + addend) >> shift     r = round(2 s * multiplier / 2^32), halves up
    single   (r + addend) >> shift                 r = floor(2 s * multiplier / 2^32)
    float32  what `edgeq_requantize_sum` makes of s, plus addend

then it is clamped to what int8 holds, or less. The first two equal `edgeq.fixedpoint` for what is checked here: the
doubling fits 32 bits; the shift to the right is at least 1, so that there is something to round; and the addend, which
holds half a step and the output's zero point, fits beside the product. With the first one the shift may be 0 as well if
the zero point is -128: r is what is wanted then, and the 1 that is subtracted from what is negative is clamped away.
With both it may if the bias is raised: see `edgeq.kernels.large_scales`.
"""

from dataclasses import dataclass

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import Rounding, current_rounding
from edgeq.ops.op import Array

_LARGEST_SUM = 2**30 - 1
"""Whose double fits int32."""

_LARGEST_SHIFT = 22
"""Up to which a zero point of 8 bits and half a step, shifted, fit beside a product."""

_LEAST_OUTPUT = -128


@dataclass(frozen=True)
class Stages:
    """Integers of an output stage.

    Attributes:
        bias: int32 `[regions, channels]`, doubled.
        words: int32 `[channels, 3]`: multiplier, addend, shift.
    """

    bias: Array
    words: Array


def make_stages(
    bias: Array,
    multiplier: Array,
    shift: Array,
    offset: Array | int,
    largest_products: Array,
    raised: Array | bool = False,
) -> Stages:
    """The stages of a layer, with the rounding in force.

    Args:
        bias: int `[regions, channels]` or `[channels]`, with all that is constant in the sums.
        multiplier: Q31 mantissas, one per channel.
        shift: their powers of two, to the left.
        offset: the output's zero point, less what raised biases add to outputs.
        largest_products: per channel, a bound of the magnitude of the sum of products, with zero points subtracted.
        raised: whether the bias is (`edgeq.kernels.large_scales`), so that the shift may be 0; per channel, or of all.

    Raises:
        Refusal: where the layer does not fit the formulas above.
    """
    bias = np.atleast_2d(bias).astype(np.int64)
    multiplier, shift = multiplier.astype(np.int64), shift.astype(np.int64)
    largest = int(np.abs(bias).max(initial=0)) + int(largest_products.max(initial=0))
    if largest > _LARGEST_SUM:
        raise Refusal(f"sums can grow to {largest}; accepted: up to {_LARGEST_SUM}")
    if current_rounding() is Rounding.FLOAT32:
        addend, right = np.zeros_like(shift) + offset, shift
    else:
        multiplier, right = _without_zeros(multiplier, -shift, largest)
        clamped = (current_rounding() is Rounding.DOUBLE) & (np.asarray(offset) == _LEAST_OUTPUT)
        _require_shifts(right, np.where(clamped | raised, 0, 1))
        addend = ((np.int64(1) << right) >> 1) + (offset << right)
    words = np.stack([multiplier, addend, right], axis=1)
    return Stages((2 * bias).astype(np.int32), words.astype(np.int32))


def _without_zeros(multiplier: Array, right: Array, largest: int) -> tuple[Array, Array]:
    """Multipliers and shifts; of channels that are 0 whatever the sum, 0 and 1."""
    zero = largest * multiplier.astype(np.float64) * 2.0 ** (-31 - right) < 0.25
    multiplier, right = np.where(zero, 0, multiplier), np.where(zero, 1, right)
    return multiplier, right


def _require_shifts(right: Array, least: Array) -> None:
    if (right < least).any():
        worst = int((right - least).argmin())
        found, accepted = -int(right[worst]) - 1, -int(np.broadcast_to(least, right.shape)[worst])
        raise Refusal(f"a channel is scaled by 2^{found} or more; accepted: by less than 2^{accepted}")
    if right.max() > _LARGEST_SHIFT:
        raise Refusal(f"a channel is scaled by less than 2^-{int(right.max())}; accepted: from 2^-{_LARGEST_SHIFT + 1}")
