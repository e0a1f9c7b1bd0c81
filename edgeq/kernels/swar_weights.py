"""Weights as the inner loops for cores without SIMD read them: two of them meet in a word, as a pair."""

import numpy as np

from edgeq.errors import Refusal
from edgeq.ops.op import Array

GROUP = 4
"""Elements in a word of `runtime_c/src/isa/pair_channels.h`: two pairs."""

_LEAST = -128


def require_exact_pairs(firsts: Array, seconds: Array) -> None:
    """Refuse weights that meet in a pair where their sum of two products can need more than 16 bits.

    That is 2**15, and no other sum, where both inputs and both weights are -128.
    """
    if bool(((firsts == _LEAST) & (seconds == _LEAST)).any()):
        raise Refusal("two weights that meet in a word are -128; accepted: one of them")


def require_exact_words(filters: Array) -> None:
    """Refuse filters `[channels, taps]` that have such a pair in the order of `pack_words`."""
    groups = _groups(filters)
    require_exact_pairs(groups[..., :2], groups[..., 2:])


def pack_words(filters: Array) -> Array:
    """Filters `[channels, taps]` as int32 words `[channels, groups]`; missing taps are 0.

    The bytes of a word are elements 2, 3, 0 and 1, all but the last one plus 128. Elements 0 and 2 of the inputs make
    the even pair, 1 and 3 the odd one; of the weights the later element of a pair comes first, so that like elements
    meet.
    """
    bytes_ = _groups(filters)[..., [2, 3, 0, 1]] + [128, 128, 128, 0]
    words = (bytes_ << [0, 8, 16, 24]).sum(axis=-1)
    return np.asarray(words.astype(np.uint32).view(np.int32))


def _groups(filters: Array) -> Array:
    """int64 `[channels, groups, GROUP]`."""
    padded = np.pad(filters.astype(np.int64), ((0, 0), (0, -filters.shape[1] % GROUP)))
    return padded.reshape(len(filters), -1, GROUP)
