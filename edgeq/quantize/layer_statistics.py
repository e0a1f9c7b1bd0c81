"""What a layer meets on the calibration data, in the float net and in the quantized one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from edgeq.ir.graph import Array
from edgeq.quantize.bias_correction import Mean
from edgeq.quantize.gptq import Moment
from edgeq.quantize.layers import Layer

_ROWS = 1 << 15
"""Rows of patches that moments are taken over, from all samples; more change nothing."""

_LARGEST = 1 << 23
"""Elements of a layer's moments; beyond, there are none."""

_LARGEST_WEIGHTED = 1 << 22
"""The same of moments of each output; beyond, all outputs share theirs."""

_WORK = 1 << 34
"""Products that weighted moments may cost: large ones are taken over fewer rows."""

Weigh = Callable[[Array], Array]
"""Patches of the float net, `[groups, rows, in]`, to what the errors of their sums count, `[groups, rows, out]`."""


@dataclass(frozen=True)
class Moments:
    """Second moments of a layer's patches, `[groups, k, in, in]`; k is 1, or `out` where each output weighs its own.

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
        floats: their mean in the float net, `[groups, k, in]`.
        rounded: their mean in the quantized net.
        moments: None where they were not asked for, or would be too large.
    """

    floats: Array
    rounded: Array
    moments: Moments | None


def statistics(
    layer: Layer,
    inputs: Iterable[tuple[Array, Array]],
    rows: int,
    *,
    moments: bool,
    centered: bool = False,
    weigh: Weigh | None = None,
) -> LayerStatistics:
    """Statistics of a layer's patches.

    Args:
        layer: the layer.
        inputs: of the layer in the float net and in the quantized one, of some samples at a time.
        rows: how many patches there are in all.
        moments: whether second moments are wanted.
        centered: moments about the means: for a layer whose bias will take up the mean error, so that its weights
            need not.
        weigh: what the errors of sums count; not used where moments of each output would be too large.
    """
    groups, out, size = layer.matrix_shape
    if moments and weigh is not None and groups * out * size * size <= _LARGEST_WEIGHTED:
        return _weighted(layer, inputs, rows, centered=centered, weigh=weigh)
    floats, rounded = Mean.zeros(groups, size), Mean.zeros(groups, size)
    wanted = moments and groups * size * size <= _LARGEST
    hessian, cross = (Moment.zeros(groups, size if wanted else 0) for _ in "hc")
    few_floats, few_rounded = Mean.zeros(groups, size), Mean.zeros(groups, size)
    step = -(-rows // _ROWS)
    for right, found in inputs:
        for x, y in zip(layer.patches(right), layer.patches(found), strict=True):
            floats.add(x)
            rounded.add(y)
            if wanted:
                few = y[:, ::step]
                hessian.add(few)
                cross.add(x[:, ::step], few)
                few_floats.add(x[:, ::step])
                few_rounded.add(few)
    both = Moments(hessian.total / hessian.rows, cross.total / cross.rows) if wanted else None
    if both is not None and centered:
        both = _about(both, few_floats.value, few_rounded.value)
    lifted = Moments(both.hessian[:, None], both.cross[:, None]) if both is not None else None
    return LayerStatistics(floats.value[:, None], rounded.value[:, None], lifted)


def _weighted(
    layer: Layer, inputs: Iterable[tuple[Array, Array]], rows: int, *, centered: bool, weigh: Weigh
) -> LayerStatistics:
    """Means and moments for each output, over rows that count as much as their errors do."""
    groups, out, size = layer.matrix_shape
    weight = np.zeros((groups, out, 1))
    floats, rounded = np.zeros((2, groups, out, size))
    hessian, cross = np.zeros((2, groups, out, size, size))
    step = -(-rows // max(1, min(_ROWS, _WORK // hessian.size)))
    for right, found in inputs:
        for x, y in zip(layer.patches(right), layer.patches(found), strict=True):
            x, y = (rows[:, ::step].astype(np.float32) for rows in (x, y))  # noqa: PLW2901 - fewer of the same
            counts = np.swapaxes(weigh(x), -1, -2).astype(np.float32)
            weight[..., 0] += counts.sum(axis=-1, dtype=np.float64)
            floats += counts @ x
            rounded += counts @ y
            roots = np.sqrt(counts)[..., None]
            for o in range(out):
                # A matrix transposed times itself costs half of a product of two.
                heavy_x, heavy_y = roots[:, o] * x, roots[:, o] * y
                hessian[:, o] += np.swapaxes(heavy_y, -1, -2) @ heavy_y
                cross[:, o] += np.swapaxes(heavy_x, -1, -2) @ heavy_y
    moments = Moments(hessian / weight[..., None], cross / weight[..., None])
    floats, rounded = floats / weight, rounded / weight
    return LayerStatistics(floats, rounded, _about(moments, floats, rounded) if centered else moments)


def _about(moments: Moments, floats: Array, rounded: Array) -> Moments:
    """The moments about the means, `[..., in]`."""
    hessian = moments.hessian - rounded[..., :, None] * rounded[..., None, :]
    return Moments(hessian, moments.cross - floats[..., :, None] * rounded[..., None, :])
