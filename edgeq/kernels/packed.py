"""Weights as the plain kernels for less than 8 bits and for groups read them: packed, in the order that they have."""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from edgeq.ops.conv2d import Conv2dParams, Conv2dS16Params
from edgeq.ops.dense import DenseParams, DenseS16Params
from edgeq.ops.packing import pack
from edgeq.ops.weight_groups import Conv2dGroupsParams, Conv2dGroupsS16Params, DenseGroupsParams, DenseGroupsS16Params

NARROW = (4, 3, 2, 1)
"""Widths in bits."""

FAST = (4, 2, 1)
"""Those that kernels for instruction sets read."""

_Weighted = TypeVar(
    "_Weighted",
    Conv2dParams,
    Conv2dS16Params,
    DenseParams,
    DenseS16Params,
    Conv2dGroupsParams,
    Conv2dGroupsS16Params,
    DenseGroupsParams,
    DenseGroupsS16Params,
)


def pack_weights(params: _Weighted) -> _Weighted:
    """The same integers, with packed weights; those of 8 bits are as they are."""
    if params.weight_bits not in NARROW:
        return params
    return replace(params, weights=pack(params.weights, params.weight_bits).view(np.int8))
