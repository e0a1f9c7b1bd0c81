"""Dense layers for cores without SIMD: what is prepared offline for `edgeq_dense_s8__swar`.

The output features are computed in blocks, whose sums are kept; for each, the input features are widened in blocks too,
so that little memory is needed however long a row is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.kernels.overlap import least_distance
from edgeq.kernels.steps import Scaling
from edgeq.kernels.swar_stages import make_swar_stages
from edgeq.kernels.swar_weights import GROUP, pack_words, require_exact_words
from edgeq.ops.dense import DenseParams
from edgeq.ops.op import I32, Array, Params, S32Data

INPUTS = 256
"""In a block."""

OUTPUTS = 64
"""In a block."""

_TOGETHER = 2
"""Output features that are computed at the same time."""

_WORD = 4


@dataclass(frozen=True)
class DenseSwarParams(Params):
    """Integers of `edgeq_dense_s8__swar`; see the struct's comment. `stages` is int32 `[out_features, 5]`."""

    struct: ClassVar[str] = "dense_swar"

    batches: I32
    in_features: I32
    out_features: I32
    in_block: I32
    out_block: I32
    act_min: I32
    act_max: I32
    weights: S32Data
    stages: S32Data


def refuses(params: DenseParams) -> str | None:
    """Why the kernel cannot compute a layer, if so."""
    if params.weight_offset != 0:
        return "the filter has a zero point other than 0; accepted: 0"
    try:
        require_exact_words(params.weights)
        make_swar_stages(dense_scaling(params))
    except Refusal as refusal:
        return str(refusal)
    return None


def pack(params: DenseParams) -> DenseSwarParams:
    """The kernel's integers."""
    return with_sizes(params, _ordered(params.weights))


def with_sizes(params: DenseParams, words: Array) -> DenseSwarParams:
    """The integers of a kernel that reads these words of weights."""
    return DenseSwarParams(
        batches=params.batches,
        in_features=params.in_features,
        out_features=params.out_features,
        in_block=INPUTS,
        out_block=OUTPUTS,
        act_min=params.act_min,
        act_max=params.act_max,
        weights=words,
        stages=make_swar_stages(dense_scaling(params)).words,
    )


def dense_scaling(params: DenseParams) -> Scaling:
    """What becomes of the sums."""
    filters = params.weights.astype(np.int64)
    above, below = np.maximum(filters, 0).sum(axis=1), np.maximum(-filters, 0).sum(axis=1)
    return Scaling(
        bias=params.bias.reshape(1, -1).astype(np.int64),
        least=-128 * above - 127 * below,
        greatest=127 * above + 128 * below,
        multiplier=params.multiplier,
        shift=params.shift,
        offset=params.output_offset,
        low=params.act_min,
        high=params.act_max,
    )


def _ordered(weights: Array) -> Array:
    """Words block by block of outputs, of inputs, two outputs at a time, group by group; a missing output has 0."""
    padded = np.pad(weights, ((0, -len(weights) % _TOGETHER), (0, 0)))
    words = pack_words(padded).reshape(len(padded) // _TOGETHER, _TOGETHER, -1)
    blocks = [
        words[i : i + OUTPUTS // _TOGETHER, :, k : k + INPUTS // GROUP].transpose(0, 2, 1).ravel()
        for i in range(0, len(words), OUTPUTS // _TOGETHER)
        for k in range(0, words.shape[2], INPUTS // GROUP)
    ]
    return np.concatenate(blocks)


def scratch(params: DenseSwarParams) -> int:
    """A block of inputs as pairs, and sums of a block of outputs."""
    inputs, outputs = min(INPUTS, params.in_features), min(OUTPUTS, params.out_features)
    return _WORD * (-(-inputs // GROUP) * 2 + outputs + outputs % _TOGETHER)


def overlap(params: DenseSwarParams) -> int:
    """A row is read once, where it is one block; otherwise for each block of outputs."""
    size, length = params.out_features, params.in_features
    ends = [size] if length <= INPUTS else [*range(OUTPUTS, size, OUTPUTS), size]
    rows = np.arange(params.batches)[:, None]
    reads = np.broadcast_to(rows * length, (params.batches, len(ends)))
    return least_distance(reads, rows * size + np.array(ends), params.batches * length)


def units(params: DenseSwarParams) -> Mapping[str, int]:
    """What its time depends on."""
    groups = -(-params.in_features // GROUP)
    read = 1 if params.in_features <= INPUTS else -(-params.out_features // OUTPUTS)
    blocks = -(-params.in_features // INPUTS)
    pairs = -(-params.out_features // _TOGETHER)
    return {
        "call": 1,
        "group": params.batches * read * groups,
        "output": params.batches * params.out_features,
        "pair": params.batches * pairs * blocks,
        "dot": params.batches * pairs * groups,
    }
