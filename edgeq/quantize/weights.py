"""Integers for weights: symmetric scales per output channel, and rounding to nearest.

    weight = integer * scale,    -2**(bits - 1) <= integer < 2**(bits - 1);    of one bit, integer is -1 or 1

Integers of 8 bits are at least -127; among few bits the lowest one is worth having: 1 dB with two bits, 0.5 dB with 4.

Weights are matrices `[..., out, in]` (`edgeq.quantize.layers`), scales `[..., out]`; where groups of a row have scales
of their own (`edgeq.quantize.groups`), a function takes one per weight, `[..., out, in]`.
"""

from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import Refusal

FloatArray = NDArray[np.floating[Any]]
Scales = NDArray[np.float32]
Integers = NDArray[np.int8]

_SMALLEST_SCALE = float(np.finfo(np.float32).tiny)

_LARGEST_BIAS = 2**30
"""Steps. As much is left of int32 for the products: 32 thousand of the largest."""

_COARSE = np.geomspace(0.1, 1, 33)[:-1]
_FINE = np.linspace(0.96, 1.04, 9)
"""Factors on the scale that holds the largest weight, then on the best of them."""


class WeightRange(Enum):
    """What a scale is chosen for.

    MINMAX: the largest weight is the largest integer.
    MSE: the smallest sum of squared errors of the weights.
    HESSIAN: the smallest sum of squared errors of the layer's outputs, over the inputs that the Hessian was
        counted from.
    """

    MINMAX = "minmax"
    MSE = "mse"
    HESSIAN = "hessian"


def integer_range(bits: int) -> tuple[int, int]:
    """The least and the largest integer of a weight; Refusal where there are no such weights."""
    if not 1 <= bits <= 8:
        raise Refusal(f"weights of {bits} bits; accepted: 1 to 8")
    if bits == 1:
        return -1, 1
    half = 1 << (bits - 1)
    return max(-half, -127), half - 1


def nearest_integers(steps: FloatArray, bits: int) -> FloatArray:
    """The nearest of the integers that weights can be, as floats."""
    if bits == 1:
        return np.where(steps < 0, -1.0, 1.0)
    return np.asarray(np.clip(np.rint(steps), *integer_range(bits)))


def choose_scales(
    weights: FloatArray,
    bits: int = 8,
    *,
    per_channel: bool = True,
    method: WeightRange = WeightRange.MINMAX,
    hessian: FloatArray | None = None,
) -> Scales:
    """Scales for weights that are rounded.

    MSE and HESSIAN try factors down to a tenth of the scale of MINMAX; they are never worse than it.

    Args:
        weights: `[..., out, in]`.
        bits: 1 to 8.
        per_channel: one scale for each row; otherwise all are the same.
        method: what is made small.
        hessian: `[..., in, in]`, for HESSIAN (`edgeq.quantize.gptq.Moment`).

    Returns:
        `[..., out]`. A row of zeros has the largest scale of the others.
    """
    if not np.isfinite(weights).all():
        raise Refusal("weights hold NaN or infinity; accepted: finite numbers")
    weights = weights.astype(np.float64)
    largest = np.abs(weights).max(axis=-1)
    if not per_channel:
        largest = np.full_like(largest, largest.max())
    largest = np.where(largest > 0, largest, largest.max() or 1)
    scales = _float32(largest / integer_range(bits)[1])
    if method is WeightRange.MINMAX:
        return scales
    assert (hessian is not None) == (method is WeightRange.HESSIAN)
    return _least_error(weights, scales, bits, hessian, per_channel=per_channel)


def _least_error(
    weights: FloatArray, scales: Scales, bits: int, hessian: FloatArray | None, *, per_channel: bool
) -> Scales:
    """The scales, shrunk where that makes errors smaller."""

    def cost(factors: FloatArray) -> FloatArray:
        shrunk = _float32(scales * factors)
        per_row = squared_error(weights, round_to(weights, shrunk, bits), shrunk, hessian)
        return per_row if per_channel else np.full_like(per_row, per_row.sum())

    chosen: FloatArray = np.ones(scales.shape)
    least = cost(chosen)
    for factors in (_COARSE, _FINE):
        centre = chosen
        for factor in factors:
            found = cost(centre * factor)
            chosen = np.where(found < least, centre * factor, chosen)
            least = np.minimum(found, least)
    return _float32(scales * chosen)


def steps_of(scales: FloatArray, weights: FloatArray) -> FloatArray:
    """Scales of rows, or of weights, in a shape that the weights can be divided by."""
    steps = scales.astype(np.float64)
    return steps if steps.ndim == weights.ndim else steps[..., None]


def squared_error(
    weights: FloatArray, integers: NDArray[Any], scales: FloatArray, hessian: FloatArray | None = None
) -> FloatArray:
    """Per row: the sum of squared errors of the weights or, with a Hessian, of the layer's outputs, `[..., out]`."""
    error = weights - integers * steps_of(scales, weights)
    weighted = error if hessian is None else error @ hessian
    return np.asarray((weighted * error).sum(axis=-1))


def round_to(weights: FloatArray, scales: FloatArray, bits: int = 8) -> Integers:
    """The nearest integers, `[..., out, in]`."""
    return nearest_integers(weights / steps_of(scales, weights), bits).astype(np.int8)


def nearest(
    weights: FloatArray, bits: int = 8, *, per_channel: bool = True, method: WeightRange = WeightRange.MINMAX
) -> tuple[Integers, Scales]:
    """Scales and the nearest integers, from nothing but the weights: `choose_scales` and `round_to`."""
    scales = choose_scales(weights, bits, per_channel=per_channel, method=method)
    return round_to(weights, scales, bits), scales


def lowest_scales(bias: FloatArray, in_scale: float, largest: int = _LARGEST_BIAS) -> Scales:
    """The scales below which a bias, in steps of `in_scale * scale`, is more than `largest`.

    A channel with tiny weights and a bias, as a folded batch normalisation leaves them, would ask for less.

    Args:
        bias: reals, of any shape.
        in_scale: of the layer's input.
        largest: steps; for biases of int64 much larger than for int32.
    """
    lowest = np.abs(bias.astype(np.float64)) / (in_scale * float(largest))
    rounded = _float32(lowest)
    return np.where(rounded < lowest, np.nextafter(rounded, np.float32(np.inf)), rounded)


def raise_scales_for_bias(
    scales: Scales, bias: FloatArray, in_scale: float, *, per_channel: bool = True, largest: int = _LARGEST_BIAS
) -> Scales:
    """The scales, raised where the bias needs it; a scale per tensor is raised for all rows.

    Args:
        scales: `[..., out]`.
        bias: as many reals as there are rows.
        in_scale: of the layer's input.
        per_channel: whether the scales may differ.
        largest: what the bias has to fit (`lowest_scales`).
    """
    raised = np.maximum(scales, lowest_scales(bias.reshape(scales.shape), in_scale, largest))
    return raised if per_channel else np.full_like(raised, raised.max())


def _float32(scales: FloatArray) -> Scales:
    """Scales as every format stores them, and none so small that it has lost its precision."""
    return np.maximum(scales, _SMALLEST_SCALE).astype(np.float32)
