"""Integers for weights that make a layer's outputs, not its weights, come close to the original.

Of a row w of the weights and its rounded self q, the outputs differ by sums of squares of

    (w - q)' H (w - q),    H = X'X over the inputs X that the layer meets

* `gptq` rounds column by column and lets the columns to come make up for each error (Frantar et al. 2022, "GPTQ:
  Accurate Post-Training Quantization for Generative Pre-trained Transformers").
* `refine` then changes single integers as long as that helps: cyclic coordinate descent.
* `refit_scales` gives the integers the scale that suits them best: least squares.
* `descend` does both in turn, `fit` all of that.
* `propagated_target` says what weights to round when the inputs are in error already (Li et al. 2025, "GPTAQ:
  Efficient Finetuning-Free Quantization for Asymmetric Calibration").

Everything works on matrices `[..., out, in]` with a Hessian `[..., in, in]` each, so that the thousand small problems
of a depthwise convolution are one (`edgeq.quantize.layers`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeq.quantize.weights import FloatArray, Integers, Scales, nearest_integers, squared_error, steps_of

_LEAST_DAMPING = 1e-6
"""Of the mean diagonal: keeps a Hessian of fewer rows than columns definite in double precision."""

ROUNDS = 3
"""Of coordinate descent and new scales; more gain less than 0.1 dB."""


@dataclass
class Moment:
    """A sum of products over rows that come in blocks: with one factor the Hessian X'X, with two a cross moment X'Y.

    Memory does not grow with the rows. Moments of different data add up.

    Attributes:
        total: `[groups, in, in]`.
        rows: how many there were.
    """

    total: NDArray[np.float64]
    rows: int = 0

    @staticmethod
    def zeros(groups: int, size: int) -> "Moment":
        """Of no rows."""
        return Moment(np.zeros((groups, size, size)))

    def add(self, left: NDArray[Any], right: NDArray[Any] | None = None) -> None:
        """Count rows in: `[groups, rows, in]`, or `[rows, in]` for one group; `right` is `left` where it is None."""
        wide = left.astype(np.float64)
        other = wide if right is None else right.astype(np.float64)
        self.total += np.swapaxes(wide, -1, -2) @ other
        self.rows += left.shape[-2]

    def merge(self, other: "Moment") -> None:
        """Count in the rows of another moment."""
        self.total += other.total
        self.rows += other.rows


def damped(hessian: FloatArray, damping: float = 0.01) -> FloatArray:
    """The Hessian with a share of its mean diagonal added to its diagonal.

    It holds the weights of inputs that were always 0, or always went together, to their original values.
    """
    diagonal = np.diagonal(hessian, axis1=-2, axis2=-1)
    mean = diagonal.mean(axis=-1)
    share = max(damping, _LEAST_DAMPING) * np.where(mean > 0, mean, 1)
    return np.asarray(hessian + share[..., None, None] * np.eye(hessian.shape[-1]))


def gptq(
    weights: FloatArray,
    hessian: FloatArray,
    scales: FloatArray,
    bits: int = 8,
    *,
    damping: float = 0.01,
    block: int = 128,
) -> Integers:
    """Round column by column, those with the largest inputs first.

    An input that was always 0 has its weight rounded to nearest: it may be more on other data.

    Args:
        weights: `[..., out, in]`.
        hessian: `[..., in, in]`.
        scales: `[..., out]`, or `[..., out, in]`.
        bits: 1 to 8.
        damping: share of the Hessian's mean diagonal that is added to it.
        block: columns between two updates of all that are left; any number gives the same but for rounding.
    """
    size = weights.shape[-1]
    order = np.argsort(-np.diagonal(hessian, axis1=-2, axis2=-1), axis=-1, kind="stable")
    # Damped before it is reordered: the order is that of the inputs, and damping does not change it.
    factor = _inverse_factor(_reordered(damped(hessian, damping), order))
    left = np.take_along_axis(weights.astype(np.float64), order[..., None, :], axis=-1)
    steps = np.broadcast_to(steps_of(scales, weights), left.shape)
    steps = np.take_along_axis(steps, order[..., None, :], axis=-1)
    rounded = np.empty(left.shape, np.int8)
    for start in range(0, size, block):
        stop = min(start + block, size)
        errors = np.empty((*left.shape[:-1], stop - start))
        for column in range(start, stop):
            value = left[..., column]
            integer = nearest_integers(value / steps[..., column], bits)
            error = (value - integer * steps[..., column]) / factor[..., column, column, None]
            left[..., column:stop] -= error[..., None] * factor[..., column, None, column:stop]
            rounded[..., column] = integer
            errors[..., column - start] = error
        left[..., stop:] -= errors @ factor[..., start:stop, stop:]
    return np.take_along_axis(rounded, np.argsort(order, axis=-1)[..., None, :], axis=-1)


def _reordered(hessian: FloatArray, order: NDArray[np.int64]) -> FloatArray:
    rows = np.take_along_axis(hessian, order[..., :, None], axis=-2)
    return np.take_along_axis(rows, order[..., None, :], axis=-1)


def _inverse_factor(hessian: FloatArray) -> FloatArray:
    """The upper triangle U with U'U = inverse of the Hessian.

    From the end, the Hessian's Cholesky factor is an upper triangle R with RR' = H; U is its inverse.
    """
    backwards = np.linalg.cholesky(hessian[..., ::-1, ::-1])
    return np.triu(np.linalg.inv(backwards[..., ::-1, ::-1]))


def refine(
    weights: FloatArray,
    integers: Integers,
    hessian: FloatArray,
    scales: FloatArray,
    bits: int = 8,
    *,
    damping: float = 0.01,
    sweeps: int = 10,
    block: int = 128,
) -> Integers:
    """Change one integer at a time to the best one, in turn, until no change helps; the error never grows.

    Args:
        weights: `[..., out, in]`.
        integers: to start from.
        hessian: `[..., in, in]`.
        scales: `[..., out]`, or `[..., out, in]`.
        bits: 1 to 8.
        damping: as in `gptq`; the error is that under the damped Hessian.
        sweeps: how often each integer is looked at, at most.
        block: columns between two updates of all gradients; any number gives the same but for rounding.
    """
    heavy = damped(hessian, damping)
    curvature = np.diagonal(heavy, axis1=-2, axis2=-1)
    steps = np.broadcast_to(steps_of(scales, weights), weights.shape)
    current = integers.astype(np.float64)
    gradient = (weights - current * steps) @ heavy
    for _ in range(sweeps):
        before = current.copy()
        for start in range(0, weights.shape[-1], block):
            part = slice(start, start + block)
            slopes = gradient[..., part].copy()
            for j in range(slopes.shape[-1]):
                column = start + j
                wanted = current[..., column] + slopes[..., j] / (curvature[..., column, None] * steps[..., column])
                best = nearest_integers(wanted, bits)
                change = (best - current[..., column]) * steps[..., column]
                slopes -= change[..., None] * heavy[..., column, None, part]
                current[..., column] = best
            gradient -= (current[..., part] - before[..., part]) * steps[..., part] @ heavy[..., part, :]
        if np.array_equal(before, current):
            break
    return current.astype(np.int8)


def refit_scales(
    weights: FloatArray,
    integers: NDArray[Any],
    hessian: FloatArray,
    scales: Scales,
    *,
    per_channel: bool = True,
    lowest: Scales | None = None,
) -> Scales:
    """The scales for which these integers have the least error: w'Hq / q'Hq.

    Args:
        weights: `[..., out, in]`.
        integers: `[..., out, in]`, times the factors of their groups.
        hessian: `[..., in, in]`, damped where `refine` damped it.
        scales: what is kept where nothing is better.
        per_channel: one scale for each row; otherwise all are the same.
        lowest: bounds that no scale goes below (`weights.lowest_scales`), `[..., out]`.
    """
    weighted = integers.astype(np.float64) @ hessian
    above, below = (weighted * weights).sum(axis=-1), (weighted * integers).sum(axis=-1)
    floor = np.zeros_like(scales) if lowest is None else lowest
    if not per_channel:
        above, below, floor = (np.full_like(v, f(v)) for v, f in ((above, np.sum), (below, np.sum), (floor, np.max)))
    usable = (above > 0) & (below > 0)
    fitted = np.divide(above, below, out=scales.astype(np.float64), where=usable).astype(np.float32)
    fitted = np.maximum(fitted, floor)
    found, kept = (squared_error(weights, integers, s, hessian) for s in (fitted, scales))
    if not per_channel:
        found, kept = np.full_like(found, found.sum()), np.full_like(kept, kept.sum())
    return np.where(found < kept, fitted, scales)


def fit(
    weights: FloatArray,
    hessian: FloatArray,
    scales: Scales,
    bits: int = 8,
    *,
    damping: float = 0.01,
    per_channel: bool = True,
    lowest: Scales | None = None,
) -> tuple[Integers, Scales]:
    """GPTQ, then coordinate descent and least-squares scales in turn.

    Args:
        weights: `[..., out, in]`.
        hessian: `[..., in, in]`.
        scales: to start from, `[..., out]`; not below `lowest`.
        bits: 1 to 8.
        damping: as in `gptq`.
        per_channel: as in `refit_scales`.
        lowest: as in `refit_scales`.

    Returns:
        integers and their scales.
    """
    integers = gptq(weights, hessian, scales, bits, damping=damping)
    return descend(weights, integers, hessian, scales, bits, damping=damping, per_channel=per_channel, lowest=lowest)


def descend(
    weights: FloatArray,
    integers: Integers,
    hessian: FloatArray,
    scales: Scales,
    bits: int = 8,
    *,
    damping: float = 0.01,
    per_channel: bool = True,
    lowest: Scales | None = None,
) -> tuple[Integers, Scales]:
    """Coordinate descent and least-squares scales in turn, from any integers; the error never grows.

    Args:
        weights: `[..., out, in]`.
        integers: to start from.
        hessian: `[..., in, in]`.
        scales: to start from, `[..., out]`; not below `lowest`.
        bits: 1 to 8.
        damping: as in `gptq`.
        per_channel: as in `refit_scales`.
        lowest: as in `refit_scales`.

    Returns:
        integers and their scales.
    """
    heavy = damped(hessian, damping)
    for _ in range(ROUNDS):
        integers = refine(weights, integers, hessian, scales, bits, damping=damping)
        scales = refit_scales(weights, integers, heavy, scales, per_channel=per_channel, lowest=lowest)
    return refine(weights, integers, hessian, scales, bits, damping=damping), scales


def propagated_target(weights: FloatArray, hessian: FloatArray, cross: FloatArray, damping: float = 0.1) -> FloatArray:
    """The weights that, on the quantized network's inputs Xq, give what the original ones give on the float inputs Xf.

        W* = W + W (Xf'Xq - H) (H + d)^-1,    H = Xq'Xq

    It fits the samples at hand: with fewer than some 30 it does harm, and only other samples can tell its worth.

    Args:
        weights: W, `[..., out, in]`.
        hessian: H, `[..., in, in]`.
        cross: Xf'Xq, `[..., in, in]`, over the same rows.
        damping: d as a share of H's mean diagonal.
    """
    # The Hessian is symmetric: what stands before its inverse is solved for transposed.
    missing = np.swapaxes(weights @ (cross - hessian), -1, -2)
    return np.asarray(weights + np.swapaxes(np.linalg.solve(damped(hessian, damping), missing), -1, -2))
