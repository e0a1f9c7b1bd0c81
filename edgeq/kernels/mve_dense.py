"""The fully connected layer for Arm's MVE: what is prepared offline for `edgeq_dense_s8__mve`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.kernels.mve_stages import TAPS, Sums, filled, refusal, round_up
from edgeq.kernels.overlap import NOTHING, least_distance
from edgeq.ops.dense import DenseParams
from edgeq.ops.op import I32, Params, S8Data, S32Data

_ROWS = 8
"""Outputs that are computed together."""


@dataclass(frozen=True)
class DenseMveParams(Params):
    """Integers of the kernel.

    With `out_features` rounded up to a multiple of 8 and `in_features` to one of 16, `weights` is
    `[rows / 8, elements / 16, 8, 16]`, and `stages` `[rows / 8, 2, 3, 4]`: of even and of odd rows, four biases,
    multipliers and shifts.
    """

    struct: ClassVar[str] = "dense_mve"

    batches: I32
    in_features: I32
    out_features: I32
    output_offset: I32
    act_min: I32
    act_max: I32
    weights: S8Data
    stages: S32Data


def refuses(params: DenseParams) -> str | None:
    """Why the kernel cannot compute a layer, if so."""
    return refusal(params.weight_offset, _sums(params))


def pack(params: DenseParams) -> DenseMveParams:
    """The integers of the kernel."""
    words = filled(_sums(params).stages(), _ROWS)
    rows, elements = round_up(params.out_features, _ROWS), round_up(params.in_features, TAPS)
    weights = np.zeros((rows, elements), np.int8)
    weights[: params.out_features, : params.in_features] = params.weights
    blocks = weights.reshape(rows // _ROWS, _ROWS, elements // TAPS, TAPS)
    return DenseMveParams(
        batches=params.batches,
        in_features=params.in_features,
        out_features=params.out_features,
        output_offset=params.output_offset,
        act_min=params.act_min,
        act_max=params.act_max,
        weights=blocks.swapaxes(1, 2).copy(),
        stages=words.reshape(-1, _ROWS // 2, 2, 3).transpose(0, 2, 3, 1).copy(),
    )


def scratch(params: DenseMveParams) -> int:
    """A row of the input, where its last vector would end behind it."""
    elements = round_up(params.in_features, TAPS)
    return elements if elements > params.in_features else 0


def overlap(params: DenseMveParams) -> int:
    """A row is read for each group of outputs; but once, where its last vector would end behind the input."""
    groups = np.minimum(np.arange(_ROWS, params.out_features + _ROWS, _ROWS), params.out_features)
    rows, elements = np.arange(params.batches), params.batches * params.in_features
    reads = np.repeat(rows[:, None] * params.in_features, groups.size, axis=1)
    copied = reads[:, 0] + round_up(params.in_features, TAPS) > elements
    reads[copied, 1:] = NOTHING
    return least_distance(reads, rows[:, None] * params.out_features + groups, elements)


def units(params: DenseMveParams) -> Mapping[str, int]:
    """What its time depends on."""
    groups = params.batches * -(-params.out_features // _ROWS)
    return {
        "call": 1,
        "row": params.batches,
        "group": groups,
        "block": groups * -(-params.in_features // TAPS),
    }


def _sums(params: DenseParams) -> Sums:
    """No input is padding: the zero point is in the bias."""
    return Sums(
        bias=params.bias.reshape(1, -1).astype(np.int64),
        filters=params.weights.reshape(params.out_features, -1).astype(np.int64),
        multiplier=params.multiplier,
        shift=params.shift,
        offset=params.output_offset,
    )
