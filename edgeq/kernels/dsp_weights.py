"""Weights as the inner loops for Arm's DSP extension read them: two channels in a halfword.

A halfword is 256 * odd + even. Sums of products with the halfwords are 256 * odd + even modulo 2**32, and sums with
their lower bytes are those of the even channel; the difference, shifted right by 8, is the odd one if that has no more
than 24 bits. Biases are what the sums begin with. See `isa/dot_2x4.h`.

Two things that bytes cannot hold are made up for by sums of the inputs, which are further inputs then: zero points of
weights, and of pairs of channels that do not fit a halfword the 1 by which the odd one was raised.
"""

from dataclasses import dataclass, replace

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import Rounding, current_rounding, requantize, wrap_int32
from edgeq.kernels.large_scales import raise_sums
from edgeq.kernels.stages import Stages, make_stages
from edgeq.ops.op import Array

_LARGEST_ODD = 2**23 - 1

_LARGEST_SUM = 2**30

_LEAST_HALFWORD = -(2**15)

SUMMED_TAPS = 256
"""Inputs whose sum fits a halfword: `EDGEQ_SUMMED_TAPS`."""

EXACT_TAPS = 504
"""Of so many taps the sums fit whatever the weights: `EDGEQ_EXACT_TAPS`."""


@dataclass(frozen=True)
class Filters:
    """What a layer does with a row of int8 inputs.

    Attributes:
        weights: int64 `[channels, taps]`, without their zero point.
        offset: what is added to all of them.
        bias: int64 `[regions, channels]`, the inputs' zero point included.
        multiplier: per channel.
        shift: per channel.
        output_offset: zero point of the outputs.
        left: by how many bits the kernel shifts the sums to the left, per channel.
        raised: what is to be subtracted from outputs, per channel.
        large: the channels whose biases are raised (`edgeq.kernels.large_scales`).
    """

    weights: Array
    offset: int
    bias: Array
    multiplier: Array
    shift: Array
    output_offset: int
    left: Array | int = 0
    raised: Array | int = 0
    large: Array | bool = False

    @property
    def factors(self) -> Array:
        """What the inputs are multiplied with."""
        return self.weights + self.offset

    def stages(self) -> Stages:
        """Of the outputs, with the rounding in force; Refusal where the sums do not fit them."""
        largest = 128 * np.abs(self.factors).sum(axis=1)
        return make_stages(
            self.bias << self.left,
            self.multiplier,
            self.shift - self.left,
            self.output_offset - np.asarray(self.raised),
            largest << self.left,
            self.large,
        )

    def ends(self) -> tuple[Array, Array]:
        """The smallest and the largest sum of each channel, bias included, `[regions, channels]`."""
        above, below = np.maximum(self.factors, 0).sum(axis=1), np.maximum(-self.factors, 0).sum(axis=1)
        return self.bias - 128 * above - 127 * below, self.bias + 127 * above + 128 * below

    def without_constants(self) -> "Filters":
        """With biases and multipliers of 0 where an output is the same whatever the inputs and wherever it is."""
        least, greatest = self.ends()
        factors = self.multiplier.astype(np.int64), self.shift.astype(np.int64)
        lowest, highest = (requantize(s, *factors, self.output_offset, -128, 127) for s in (least, greatest))
        fits = (np.abs(least) < _LARGEST_SUM) & (np.abs(greatest) < _LARGEST_SUM)
        constant = ((lowest == lowest[0]) & (highest == lowest[0]) & fits).all(axis=0)
        return replace(
            self,
            bias=np.where(constant, 0, self.bias),
            multiplier=np.where(constant, 0, self.multiplier),
            shift=np.where(constant, -1, self.shift),
            raised=np.where(constant, self.output_offset - lowest[0], 0),
        )

    def scaled(self, most_left: int = 0) -> "Filters":
        """With what channels need that are scaled by 1/2 or more: sums shifted to the left, and biases raised.

        Args:
            most_left: by how many bits the kernel can shift.
        """
        large = (self.shift >= 0) & (self.shift <= most_left) & (self.multiplier > 0)
        if current_rounding() is Rounding.FLOAT32 or not large.any():
            return self
        least, greatest = self.ends()
        left = np.where(large, self.shift, 0).astype(np.int64)
        factors = self.multiplier[large].astype(np.int64) << left[large]
        ends = least.min(axis=0)[large], greatest.max(axis=0)[large]
        added, raised = np.zeros_like(left), np.zeros_like(left)
        added[large], raised[large] = raise_sums(factors, *ends, self.output_offset)
        return replace(self, bias=self.bias + added, left=left, raised=self.raised + raised, large=large)

    def ordered(self, order: Array, group: int) -> "Filters":
        """With taps in another order, and channels of 0 behind the others until they are a multiple of a group.

        Args:
            order: indices of taps; the number of taps stands for an input without weights.
            group: channels that are computed together.
        """
        missing = -len(self.weights) % group
        return Filters(
            weights=np.pad(self.weights, ((0, missing), (0, 1)))[:, order],
            offset=self.offset,
            bias=np.pad(self.bias, ((0, 0), (0, missing))),
            multiplier=np.pad(self.multiplier, (0, missing)),
            shift=np.pad(self.shift, (0, missing)),
            output_offset=self.output_offset,
        )


def with_sums(filters: Filters, multiple: int = 1) -> Array:
    """Weights `[channels, taps]`, and where they need it those of sums of the inputs, behind the others.

    For every `SUMMED_TAPS` there are two taps, whose inputs both are the sum: one for the zero point of the odd
    channels, one for that of the even ones and for what the odd ones were raised by. See `isa/sums.h`.

    Args:
        filters: of an even number of channels.
        multiple: of pairs of taps, to which those of sums are filled up.
    """
    even, odd = filters.weights[0::2], filters.weights[1::2]
    raised = ((256 * odd + even).min(axis=1, initial=0) < _LEAST_HALFWORD).astype(np.int64)
    if not filters.offset and not raised.any():
        return filters.weights
    channels, taps = filters.weights.shape
    pairs = -(-taps // SUMMED_TAPS)
    sums = np.zeros((channels, pairs + -pairs % multiple, 2), np.int64)
    used = sums[:, :pairs]
    used[1::2, :, 0] = filters.offset
    used[0::2, :, 1] = filters.offset
    used[1::2, :, 1] = -raised[:, None]
    weights = filters.weights.copy()
    weights[1::2] += raised[:, None]
    return np.hstack([weights, sums.reshape(channels, -1)])


def pack_weights(weights: Array, group: int) -> Array:
    """Words of two halfwords, the first tap in the lower half: int32 `[groups, taps / 2, group / 2]`.

    Args:
        weights: `[channels, taps]`, multiples of a group and of 2.
        group: channels that are computed together; even.

    Raises:
        Refusal: where two weights do not fit a halfword.
    """
    halves = 256 * weights[1::2] + weights[0::2]
    if halves.min(initial=0) < _LEAST_HALFWORD or halves.max(initial=0) >= -_LEAST_HALFWORD:
        raise Refusal("an odd channel has weights of -128 and of 127, or a zero point of 128; accepted: one of them")
    words = (halves[:, 0::2] & 0xFFFF) + (halves[:, 1::2] << 16)
    return words.reshape(-1, group // 2, words.shape[1]).transpose(0, 2, 1).astype(np.int32)


def pack_groups(filters: Filters, weights: Array, group: int) -> Array:
    """Weights of each group, and its output stages behind them: int32 `[groups, words]`, with the rounding in force.

    Args:
        filters: whose stages.
        weights: as `with_sums` made them.
        group: channels that are computed together.

    Raises:
        Refusal: where they do not fit.
    """
    words, stages = pack_weights(weights, group), filters.stages().words
    return np.concatenate([words.reshape(len(words), -1), stages.reshape(len(words), -1)], axis=1)


def pack_bias(bias: Array) -> Array:
    """Where the sums begin: int32 `[regions, channels]`, of each pair 256 * odd + even, and even."""
    even, odd = bias[:, 0::2], bias[:, 1::2]
    return np.stack([wrap_int32(256 * odd + even), even], axis=2).reshape(bias.shape).astype(np.int32)


def require_exact(filters: Filters) -> None:
    """Refuse sums of odd channels that may need more than 24 bits."""
    least, greatest = filters.ends()
    largest = max(int(greatest[:, 1::2].max(initial=0)), -int(least[:, 1::2].min(initial=0)) - 1)
    if largest > _LARGEST_ODD:
        raise Refusal(f"the sums of an odd channel can grow to {largest}; accepted: up to {_LARGEST_ODD}")
