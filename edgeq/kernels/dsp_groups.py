"""Layers with weights of 4 bits in groups for Arm's DSP extension: what is prepared offline for their kernels.

The sums of a group come about as those of all weights do without groups (`edgeq.kernels.dsp_narrow`), four channels in
a halfword; times their factors they are added up. See `isa/grouped_rows.h`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.kernels.convolution import ConvRows, bias_of, same_fields
from edgeq.kernels.dsp_narrow import pack_codes
from edgeq.kernels.dsp_weights import Filters
from edgeq.kernels.overlap import in_runs, least_distance
from edgeq.ops.op import I32, Array, Params, S32Data, U8Data
from edgeq.ops.weight_groups import Conv2dGroupsParams, DenseGroupsParams, plain_params

_CHANNELS = 8
"""Of the output, that are computed together."""

_LARGEST_GROUP = 504
"""So many weights of 4 bits have sums of 20 bits, whatever the inputs."""

conv_overlap = in_runs("s8", "s8", 1)


@dataclass(frozen=True)
class DenseGroupsDspParams(Params):
    """Integers of `edgeq_dense_groups_w4_s8__dsp`; `bias` is doubled, `stages` has three words per feature."""

    struct: ClassVar[str] = "dense_groups_dsp"

    batches: I32
    in_features: I32
    out_features: I32
    act_min: I32
    act_max: I32
    group_size: I32
    weights: S32Data
    factors: U8Data
    bias: S32Data
    stages: S32Data


@dataclass(frozen=True)
class Conv2dGroupsDspParams(ConvRows):
    """Integers of `edgeq_conv2d_groups_w4_s8__dsp`, with one group of channels; `bias` has a row per region."""

    struct: ClassVar[str] = "conv2d_groups_dsp"

    group_size: I32
    weights: S32Data
    factors: U8Data
    bias: S32Data
    stages: S32Data
    bias_row: U8Data | None
    bias_col: U8Data | None


def refuses(params: DenseGroupsParams | Conv2dGroupsParams) -> str | None:
    """Why the kernel cannot compute a layer, if so."""
    if isinstance(params, Conv2dGroupsParams) and params.groups != 1:
        return f"{params.groups} groups of channels; accepted: 1"
    if params.group_size % 4 or params.group_size > _LARGEST_GROUP:
        return f"groups of {params.group_size} weights; accepted: multiples of 4 up to {_LARGEST_GROUP}"
    try:
        _filters(params).stages()
    except Refusal as refusal:
        return str(refusal)
    return None


def pack_dense(params: DenseGroupsParams) -> DenseGroupsDspParams:
    """The integers of `edgeq_dense_groups_w4_s8__dsp`."""
    return DenseGroupsDspParams(
        batches=params.batches,
        in_features=params.in_features,
        out_features=params.out_features,
        act_min=params.act_min,
        act_max=params.act_max,
        group_size=params.group_size,
        **_packed(params),
    )


def pack_conv(params: Conv2dGroupsParams) -> Conv2dGroupsDspParams:
    """The integers of `edgeq_conv2d_groups_w4_s8__dsp`."""
    own = {"factors", "group_size"}
    shared = {k: v for k, v in same_fields(plain_params(params), Conv2dGroupsDspParams).items() if k not in own}
    return Conv2dGroupsDspParams(**shared, group_size=params.group_size, **_packed(params))


def _packed(params: DenseGroupsParams | Conv2dGroupsParams) -> dict[str, Any]:
    """Weights, factors, biases and stages."""
    filters = _filters(params)
    stages = filters.stages()
    rows = params.weights.astype(np.int64).reshape(len(params.factors), -1)
    codes = pack_codes(_padded(rows[:, _quads(rows.shape[1])]), 4)
    beside = _CHANNELS // 4
    weights = codes.reshape(-1, beside, codes.shape[1]).transpose(0, 2, 1)
    factors = _padded(params.factors).reshape(-1, _CHANNELS, params.factors.shape[1]).transpose(0, 2, 1)
    return {
        "weights": np.ascontiguousarray(weights).ravel(),
        "factors": np.ascontiguousarray(factors).ravel(),
        "bias": np.ascontiguousarray(stages.bias[:, : len(rows)]).ravel(),
        "stages": stages.words,
    }


def _filters(params: DenseGroupsParams | Conv2dGroupsParams) -> Filters:
    """The products of weights and factors, and channels of 0 behind them until they are a multiple of eight."""
    plain = plain_params(params)
    products = plain.weights.astype(np.int64).reshape(len(params.factors), -1)
    dense = isinstance(params, DenseGroupsParams)
    filters = Filters(
        weights=products,
        offset=0,
        bias=plain.bias.reshape(1, -1).astype(np.int64) if dense else bias_of(plain, products),
        multiplier=params.multiplier,
        shift=params.shift,
        output_offset=params.output_offset,
    )
    return filters.ordered(np.arange(products.shape[1]), _CHANNELS).scaled()


def _padded(rows: Array) -> Array:
    return np.pad(rows, ((0, -len(rows) % _CHANNELS), (0, 0)))


def _quads(taps: int) -> Array:
    """The order of taps of which four bytes at a time were widened."""
    return np.arange(taps).reshape(-1, 4)[:, [0, 2, 1, 3]].ravel()


def scratch_dense(params: DenseGroupsDspParams) -> int:
    """A row, widened."""
    return _widened(params.in_features, params.group_size)


def scratch_conv(params: Conv2dGroupsDspParams) -> int:
    """A window, widened, and as it is."""
    taps = _taps(params)
    return _widened(taps, params.group_size) + (
        taps if params.kernel_h * params.kernel_w > 1 or _padding(params) else 0
    )


def _widened(taps: int, size: int) -> int:
    return 4 * (taps // size) * (size // 2 + 1)


def _taps(params: Conv2dGroupsDspParams) -> int:
    return params.kernel_h * params.kernel_w * params.in_c


def _padding(params: Conv2dGroupsDspParams) -> bool:
    """Whether a window of one pixel may lie beside the image."""
    below = (params.out_h - 1) * params.stride_h - params.pad_top >= params.in_h
    right = (params.out_w - 1) * params.stride_w - params.pad_left >= params.in_w
    return bool(params.pad_top or params.pad_left or below or right)


def dense_overlap(params: DenseGroupsDspParams) -> int:
    """A row of the input is read before its outputs are written."""
    rows = np.arange(params.batches)
    ends = (rows + 1) * params.out_features
    return least_distance(rows * params.in_features, ends, params.batches * params.in_features)


def units_dense(params: DenseGroupsDspParams) -> Mapping[str, int]:
    """What its time depends on."""
    return _units(params.batches, params.in_features, params.out_features, params.group_size)


def units_conv(params: Conv2dGroupsDspParams) -> Mapping[str, int]:
    """What its time depends on."""
    units = _units(params.pixels, _taps(params), params.out_c, params.group_size)
    lines = params.pixels * params.kernel_h
    return {**units, "line": lines, "collected_byte": lines * params.kernel_w * params.in_c}


def _units(rows: int, taps: int, channels: int, size: int) -> dict[str, int]:
    blocks, groups = rows * -(-channels // _CHANNELS), taps // size
    return {
        "call": 1,
        "row": rows,
        "row_group": rows * groups,
        "row_four": rows * taps // 4,
        "output": rows * channels,
        "block_group": blocks * groups,
        "block_four": blocks * taps // 4,
    }
