"""From a layer's weights, and what it meets, to integers and scales: the methods put together as the scheme says.

    matrix, Moments, Choice -> integers, scales

Weights are matrices `[groups, out, in]` (`edgeq.quantize.layers`). The scale of each row, or of each group of its
weights, is chosen first, by the error of the weights or of the outputs; then integers, by the method that is asked for;
then, if asked for, single integers and scales are improved in turn until nothing helps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeq.ir.graph import Array
from edgeq.quantize import gptq, weights
from edgeq.quantize.adaround import adaround
from edgeq.quantize.groups import Factors, GroupScales, choose_group_scales, descend_groups
from edgeq.quantize.layer_statistics import Moments
from edgeq.quantize.scheme import AUTO, Choice

_PROPAGATION, _NARROW_PROPAGATION, _BEHIND_NARROW = 4.0, 0.2, 1.0
"""Damping of `propagated_target`: what arrives wrong is undone along the few strongest directions of a layer's inputs,
which is all that a hundred samples tell of it. Among int8 layers it gains 0.3 dB on average over five nets; much less
damping fits the samples, 0.1 loses 0.3 dB of kws. Weights of less than 8 bits leave more to be undone, by themselves
and by an int8 layer behind them: a last layer with 0.1 loses 1 dB of mnist8, with 4 it loses 0.5 dB of alibaba_kws."""

_STARTS = (1.0, 0.87, 1.13)
"""Factors on the scale that suits rounding to nearest best: what integers are chosen by their outputs' error and the
scale by theirs in turn ends near where it began. 0.2 dB on average over four nets of 4 bits, 0.7 dB on one."""

_FEW_SAMPLES = 30
"""With less, only little is undone."""


@dataclass(frozen=True)
class Surroundings:
    """What a layer's method depends on beside the layer itself.

    Attributes:
        samples: that the moments are from.
        narrow: whether weights of less than 8 bits come before the layer.
    """

    samples: int = 0
    narrow: bool = False


@dataclass(frozen=True)
class Rounded:
    """Of one layer.

    Attributes:
        integers: `[groups, out, in]`.
        scales: `[groups, out]`.
        method: of `scheme.ROUNDINGS`.
        factors: of groups of weights, `[groups, out, groups of a row]`; None: there are none.
    """

    integers: weights.Integers
    scales: weights.Scales
    method: str
    factors: Factors | None = None

    @property
    def reals(self) -> Array:
        """What the integers stand for."""
        steps = self.scales[..., None].astype(np.float64)
        if self.factors is not None:
            steps = steps * np.repeat(self.factors, self.integers.shape[-1] // self.factors.shape[-1], axis=-1)
        return np.asarray(self.integers * steps)


def needs_moments(choice: Choice) -> bool:
    """Whether a layer's inputs say anything to its method."""
    return choice.weight_rounding != "nearest" or choice.weight_range == "hessian"


def round_weights(
    matrix: Array,
    moments: Moments | None,
    choice: Choice,
    bits: int,
    lowest: weights.Scales,
    surroundings: Surroundings = Surroundings(),
) -> Rounded:
    """Choose integers and scales.

    Args:
        matrix: reals, `[groups, out, in]`.
        moments: of the layer's inputs; None: weights are rounded to nearest.
        choice: the methods.
        bits: 1 to 8.
        lowest: scales that none goes below, `[groups, out]`.
        surroundings: of the layer.
    """
    if moments is None:
        return _nearest(matrix, choice, bits, lowest)
    # Where each output has moments of its own, each is a layer of one output.
    parts = moments.hessian.shape[1]
    target = matrix.reshape(*matrix.shape[:1], parts, -1, matrix.shape[-1])
    floor = lowest.reshape(target.shape[:-1])
    if choice.propagation and choice.weight_rounding != "nearest":
        target = gptq.propagated_target(target, moments.hessian, moments.cross, _damping(bits, surroundings))
    if choice.weight_groups:
        return _shaped(matrix, *_round_groups(target, moments, bits, choice, floor), choice.weight_rounding)
    scales = _scales(target, bits, moments, choice)
    scales = np.maximum(scales, floor if not choice.per_tensor else floor.max())
    integers, scales = _round(target, moments.hessian, scales, bits, choice, floor)
    return Rounded(integers.reshape(matrix.shape), scales.reshape(matrix.shape[:2]), choice.weight_rounding)


def _nearest(matrix: Array, choice: Choice, bits: int, lowest: weights.Scales) -> Rounded:
    if choice.weight_groups:
        return _shaped(matrix, *_nearest_in_groups(matrix, None, bits, choice, lowest), "nearest")
    scales = _scales(matrix, bits, None, choice)
    scales = np.maximum(scales, lowest if not choice.per_tensor else lowest.max())
    return Rounded(weights.round_to(matrix, scales, bits), scales, "nearest")


def _damping(bits: int, surroundings: Surroundings) -> float:
    """Of the error that arrives."""
    if surroundings.samples < _FEW_SAMPLES:
        return _PROPAGATION
    if bits < 8:
        return _NARROW_PROPAGATION
    return _BEHIND_NARROW if surroundings.narrow else _PROPAGATION


def _round(
    target: Array, hessian: Array, scales: weights.Scales, bits: int, choice: Choice, lowest: weights.Scales
) -> tuple[weights.Integers, weights.Scales]:
    if choice.weight_rounding == "nearest":
        return weights.round_to(target, scales, bits), scales
    method = adaround if choice.weight_rounding == "adaround" else gptq.gptq
    if not choice.refine:
        return method(target, hessian, scales, bits), scales
    # Rows that share a scale are improved together, so that there is no best start for each of them.
    starts = _STARTS if bits < 8 and not choice.per_tensor else (1.0,)
    rows, floors = (np.concatenate([x] * len(starts), axis=2) for x in (target, lowest))
    begin = np.concatenate([scales * np.float32(factor) for factor in starts], axis=2)
    begin = np.maximum(begin, floors if not choice.per_tensor else floors.max())
    integers = method(rows, hessian, begin, bits)
    per_channel = not choice.per_tensor
    integers, scales = gptq.descend(rows, integers, hessian, begin, bits, per_channel=per_channel, lowest=floors)
    return _best(target, gptq.damped(hessian), np.split(integers, len(starts), 2), np.split(scales, len(starts), 2))


def _best(
    target: Array, hessian: Array, integers: Sequence[weights.Integers], scales: Sequence[weights.Scales]
) -> tuple[weights.Integers, weights.Scales]:
    """For each row, of several finds that with the least error."""
    errors = [weights.squared_error(target, q, s, hessian) for q, s in zip(integers, scales, strict=True)]
    best = np.argmin(errors, axis=0)[None]
    chosen = np.take_along_axis(np.stack(integers), best[..., None], axis=0)[0]
    return chosen, np.take_along_axis(np.stack(scales), best, axis=0)[0]


def _round_groups(
    target: Array, moments: Moments, bits: int, choice: Choice, lowest: weights.Scales
) -> tuple[weights.Integers, GroupScales]:
    """`_scales` and `_round` for weights whose groups have scales of their own."""
    integers, scales = _nearest_in_groups(target, moments, bits, choice, lowest)
    if choice.weight_rounding == "nearest":
        return integers, scales
    method, hessian, alike = (
        adaround if choice.weight_rounding == "adaround" else gptq.gptq,
        moments.hessian,
        choice.per_tensor,
    )
    if not choice.refine:
        return method(target, hessian, scales.steps, bits), scales
    starts = _STARTS if bits < 8 and not alike else (1.0,)
    rows, floors, factors = (np.concatenate([x] * len(starts), axis=2) for x in (target, lowest, scales.factors))
    begin = np.maximum(np.concatenate([scales.rows * np.float32(f) for f in starts], axis=2), floors)
    begin = begin if not alike else np.full_like(begin, begin.max())
    start = GroupScales(begin, factors, scales.size)
    integers, found = descend_groups(
        rows, method(rows, hessian, start.steps, bits), hessian, start, bits, alike=alike, lowest=floors
    )
    return _best_groups(target, gptq.damped(hessian), np.split(integers, len(starts), 2), found.split(len(starts)))


def _nearest_in_groups(
    target: Array, moments: Moments | None, bits: int, choice: Choice, lowest: weights.Scales
) -> tuple[weights.Integers, GroupScales]:
    found = _range(bits, moments, choice)
    hessian = gptq.damped(moments.hessian) if moments and found is weights.WeightRange.HESSIAN else None
    size, alike = choice.weight_groups, choice.per_tensor
    scales = choose_group_scales(target, bits, size, found, hessian, alike=alike, lowest=lowest)
    return weights.round_to(target, scales.steps, bits), scales


def _best_groups(
    target: Array, hessian: Array, integers: Sequence[weights.Integers], scales: Sequence[GroupScales]
) -> tuple[weights.Integers, GroupScales]:
    """For each row, of several finds that with the least error."""
    errors = [weights.squared_error(target, q, s.steps, hessian) for q, s in zip(integers, scales, strict=True)]
    best = np.argmin(errors, axis=0)[None]
    chosen = np.take_along_axis(np.stack(integers), best[..., None], axis=0)[0]
    rows = np.take_along_axis(np.stack([s.rows for s in scales]), best, axis=0)[0]
    factors = np.take_along_axis(np.stack([s.factors for s in scales]), best[..., None], axis=0)[0]
    return chosen, GroupScales(rows, factors, scales[0].size)


def _shaped(matrix: Array, integers: weights.Integers, scales: GroupScales, method: str) -> Rounded:
    """As the matrix is, `[groups, out, in]`."""
    rows, scales = matrix.shape[:2], scales.in_lowest_terms()
    return Rounded(integers.reshape(matrix.shape), scales.rows.reshape(rows), method, scales.factors.reshape(*rows, -1))


def _scales(target: Array, bits: int, moments: Moments | None, choice: Choice) -> weights.Scales:
    """To round from."""
    found = _range(bits, moments, choice)
    hessian = gptq.damped(moments.hessian) if moments and found is weights.WeightRange.HESSIAN else None
    return weights.choose_scales(target, bits, per_channel=not choice.per_tensor, method=found, hessian=hessian)


def _range(bits: int, moments: Moments | None, choice: Choice) -> weights.WeightRange:
    """As asked for; of few bits that with the least error of the outputs. Without data there is only the weights'."""
    wanted = choice.weight_range
    if wanted == AUTO and choice.weight_rounding == "nearest":
        wanted = "mse" if bits < 8 else "minmax"
    elif wanted == AUTO:
        wanted = "hessian" if bits < 8 else "mse"
    if wanted == "hessian" and moments is None:
        wanted = "mse"
    return weights.WeightRange(wanted)
