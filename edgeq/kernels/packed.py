"""Weights of less than 8 bits, as the plain kernels read them: packed, in the order that they have."""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from edgeq.ops.conv2d import Conv2dParams, Conv2dS16Params
from edgeq.ops.dense import DenseParams, DenseS16Params
from edgeq.ops.packing import pack

NARROW = (4, 2, 1)
"""Widths in bits."""

_Weighted = TypeVar("_Weighted", Conv2dParams, Conv2dS16Params, DenseParams, DenseS16Params)


def pack_weights(params: _Weighted) -> _Weighted:
    """The same integers, with packed weights."""
    return replace(params, weights=pack(params.weights, params.weight_bits).view(np.int8))
