"""What a layer meets on the calibration data, in the float net and in the quantized one."""

from collections.abc import Iterable
from dataclasses import dataclass

from edgeq.ir.graph import Array
from edgeq.quantize.bias_correction import Mean
from edgeq.quantize.gptq import Moment
from edgeq.quantize.layers import Layer

_ROWS = 1 << 15
"""Rows of patches that moments are taken over, from all samples; more change nothing."""

_LARGEST = 1 << 23
"""Elements of a layer's moments; beyond, there are none."""


@dataclass(frozen=True)
class Moments:
    """Second moments of a layer's patches.

    Attributes:
        hessian: of those in the quantized net.
        cross: of those in the float net with those.
    """

    hessian: Array
    cross: Array


@dataclass(frozen=True)
class LayerStatistics:
    """Of the patches of a layer.

    Attributes:
        floats: their mean in the float net, `[groups, in]`.
        rounded: their mean in the quantized net.
        moments: None where they were not asked for, or would be too large.
    """

    floats: Array
    rounded: Array
    moments: Moments | None


def statistics(layer: Layer, inputs: Iterable[tuple[Array, Array]], rows: int, *, moments: bool) -> LayerStatistics:
    """Statistics of a layer's patches.

    Args:
        layer: the layer.
        inputs: of the layer in the float net and in the quantized one, of some samples at a time.
        rows: how many patches there are in all.
        moments: whether second moments are wanted.
    """
    groups, _, size = layer.matrix_shape
    floats, rounded = Mean.zeros(groups, size), Mean.zeros(groups, size)
    wanted = moments and groups * size * size <= _LARGEST
    hessian, cross = (Moment.zeros(groups, size if wanted else 0) for _ in "hc")
    step = -(-rows // _ROWS)
    for right, found in inputs:
        for x, y in zip(layer.patches(right), layer.patches(found), strict=True):
            floats.add(x)
            rounded.add(y)
            if wanted:
                few = y[:, ::step]
                hessian.add(few)
                cross.add(x[:, ::step], few)
    both = Moments(hessian.total / hessian.rows, cross.total / cross.rows) if wanted else None
    return LayerStatistics(floats.value, rounded.value, both)
