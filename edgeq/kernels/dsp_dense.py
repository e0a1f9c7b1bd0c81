"""Fully connected layers for Arm's DSP extension: what is prepared offline for their kernels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.kernels.dsp_weights import (
    EXACT_TAPS,
    Filters,
    pack_bias,
    pack_groups,
    pack_weights,
    require_exact,
    with_sums,
)
from edgeq.kernels.overlap import least_distance
from edgeq.ops.dense import DenseParams
from edgeq.ops.op import I32, Params, S32Data

FEATURES = 8
"""Outputs that are computed together."""


@dataclass(frozen=True)
class DenseDspParams(Params):
    """Integers of `edgeq_dense_s8__dsp`.

    `weights` are those of `pack_groups`, `bias` that of `pack_bias`. `sums` are words of sums of inputs behind the
    inputs, an even number.
    """

    struct: ClassVar[str] = "dense_dsp"

    batches: I32
    in_features: I32
    out_features: I32
    act_min: I32
    act_max: I32
    sums: I32
    weights: S32Data
    bias: S32Data


@dataclass(frozen=True)
class DenseLongDspParams(Params):
    """Integers of `edgeq_dense_s8_long__dsp`.

    `weights` has for every `EXACT_TAPS` inputs words as `pack_weights` makes them; `bias` and `stages` are those of
    `Stages`.
    """

    struct: ClassVar[str] = "dense_long_dsp"

    batches: I32
    in_features: I32
    out_features: I32
    act_min: I32
    act_max: I32
    weights: S32Data
    bias: S32Data
    stages: S32Data


_AnyParams = DenseDspParams | DenseLongDspParams


def refuses(params: DenseParams) -> str | None:
    """Why `edgeq_dense_s8__dsp` cannot compute a layer, if so."""
    return _refuses(params, long=False)


def refuses_long(params: DenseParams) -> str | None:
    """Why `edgeq_dense_s8_long__dsp` cannot compute a layer, if so."""
    return _refuses(params, long=True)


def _refuses(params: DenseParams, *, long: bool) -> str | None:
    if long and params.weight_offset != 0:
        return "the filter has a zero point other than 0; accepted: 0"
    try:
        filters = ordered_filters(params).scaled()
        filters.stages()
        pack_weights(filters.weights if long else with_sums(filters, 2), FEATURES)
        if not long:
            require_exact(filters)
    except Refusal as refusal:
        return str(refusal)
    return None


def pack(params: DenseParams) -> DenseDspParams:
    """The integers of `edgeq_dense_s8__dsp`."""
    filters = ordered_filters(params).scaled()
    weights = with_sums(filters, 2)
    return DenseDspParams(
        batches=params.batches,
        in_features=params.in_features,
        out_features=params.out_features,
        act_min=params.act_min,
        act_max=params.act_max,
        sums=(weights.shape[1] - filters.weights.shape[1]) // 2,
        weights=pack_groups(filters, weights, FEATURES),
        bias=pack_bias(filters.bias),
    )


def pack_long(params: DenseParams) -> DenseLongDspParams:
    """The integers of `edgeq_dense_s8_long__dsp`."""
    filters = ordered_filters(params).scaled()
    stages = filters.stages()
    words = pack_weights(filters.weights, FEATURES)
    parts = np.split(words, range(EXACT_TAPS // 2, words.shape[1], EXACT_TAPS // 2), axis=1)
    return DenseLongDspParams(
        batches=params.batches,
        in_features=params.in_features,
        out_features=params.out_features,
        act_min=params.act_min,
        act_max=params.act_max,
        weights=np.concatenate([part.ravel() for part in parts]),
        bias=stages.bias.ravel(),
        stages=stages.words,
    )


def scratch(params: DenseDspParams) -> int:
    """A row, widened, and its sums."""
    return 8 * _fours(params) + 4 * params.sums


def scratch_long(params: DenseLongDspParams) -> int:
    """All sums, and a part of a row, widened."""
    return 4 * len(params.stages) + 2 * min(EXACT_TAPS, 4 * _fours(params))


def overlap(params: _AnyParams) -> int:
    """A row of the input is read before its outputs are written."""
    rows = np.arange(params.batches)
    ends = (rows + 1) * params.out_features
    return least_distance(rows * params.in_features, ends, params.batches * params.in_features)


def units(params: _AnyParams) -> Mapping[str, int]:
    """What its time depends on."""
    blocks = params.batches * -(-params.out_features // FEATURES)
    sums = params.sums if isinstance(params, DenseDspParams) else 0
    return {
        "call": 1,
        "row": params.batches,
        "row_four": params.batches * _fours(params),
        "block": blocks,
        "four": blocks * (_fours(params) + sums // 2),
        "summed": params.batches * _fours(params) if sums else 0,
    }


def _fours(params: _AnyParams) -> int:
    return -(-params.in_features // 4)


def ordered_filters(params: DenseParams) -> Filters:
    """The layer's, in the order of the widened inputs."""
    fours = np.arange(params.in_features + -params.in_features % 4).clip(max=params.in_features).reshape(-1, 4)
    return Filters(
        weights=params.weights.astype(np.int64),
        offset=params.weight_offset,
        bias=params.bias.reshape(1, -1).astype(np.int64),
        multiplier=params.multiplier,
        shift=params.shift,
        output_offset=params.output_offset,
    ).ordered(fours[:, [0, 2, 1, 3]].ravel(), FEATURES)
