"""Scales for groups of a row's weights: factors, integers of 1 to 255, on the scale of the row.

    weight = integer * factor of its group * scale of its row         (`edgeq.ops.weight_groups`)

A group is `size` neighbouring columns of a matrix `[..., out, in]`; factors are `[..., out, groups]`. The scale of each
group is chosen as that of a row is, by its own part of the Hessian. Then integers are rounded with all others of their
row; integers, factors and scales are improved in turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import EdgeqError
from edgeq.ir import Graph, Node
from edgeq.quantize import gptq, weights
from edgeq.quantize.layers import Layer, layer_of
from edgeq.quantize.scheme import SMALLEST_GROUP, Scheme
from edgeq.quantize.weights import FloatArray, Integers, Scales

Factors = NDArray[np.uint8]

GROUPED = ("conv2d", "dense")
"""Ops that take factors."""

_LARGEST_FACTOR = 255
_ROUNDING = 1e-4
"""A ratio of float32 may be off by less."""

_LARGEST_SUM = 2**30
"""Of products; as much is left of int32 for the bias."""

_LARGEST_INPUT = 255


@dataclass(frozen=True)
class GroupScales:
    """Of the groups of each row.

    Attributes:
        rows: `[..., out]`.
        factors: `[..., out, groups]`.
        size: of a group.
    """

    rows: Scales
    factors: Factors
    size: int

    @property
    def columns(self) -> NDArray[np.int64]:
        """The factor of each weight, `[..., out, in]`."""
        return np.repeat(self.factors.astype(np.int64), self.size, axis=-1)

    @property
    def steps(self) -> FloatArray:
        """The scale of each weight, `[..., out, in]`."""
        return self.rows[..., None].astype(np.float64) * self.columns

    def in_lowest_terms(self) -> "GroupScales":
        """The same steps by factors without a common divisor, which a file that has the steps alone tells too."""
        common = np.gcd.reduce(self.factors, axis=-1)
        if (self.rows == self.rows.reshape(-1)[0]).all():  # a scale per tensor stays one
            common = np.full_like(common, np.gcd.reduce(common, axis=None))
        return GroupScales(self.rows * common.astype(np.float32), self.factors // common[..., None], self.size)

    def split(self, count: int) -> Sequence["GroupScales"]:
        """Of as many equal parts of the rows."""
        parts = zip(np.split(self.rows, count, -1), np.split(self.factors, count, -2), strict=True)
        return [GroupScales(rows, factors, self.size) for rows, factors in parts]


def whole_groups(layer: Layer, op: str, size: int) -> bool:
    """Whether a layer's weights can have groups of that size."""
    return op in GROUPED and layer.matrix_shape[2] % size == 0


def require_whole_groups(graph: Graph, scheme: Scheme) -> None:
    """EdgeqError where a rule for single layers asks for groups that one of these cannot have."""
    for node in graph.nodes:
        layer, size = layer_of(graph, node), scheme.named_groups(graph, node.outputs[0])
        if layer is not None and size and not whole_groups(layer, node.op, size):
            raise EdgeqError(f"scheme: {_found(node, layer, size)}")


def _found(node: Node, layer: Layer, size: int) -> str:
    where = node.source or node.name
    if node.op not in GROUPED:
        return f"{where}: groups of {size} weights in a {node.op}; accepted: in {' and '.join(GROUPED)}"
    depth = layer.matrix_shape[2]
    divisors = [str(d) for d in range(SMALLEST_GROUP, depth + 1) if depth % d == 0]
    accepted = ", ".join(["0 (one scale per channel)", *divisors])
    return f"{where}: groups of {size} weights, each output has {depth}; accepted: {accepted}"


def note(size: int, left_out: Sequence[str]) -> str:
    """A sentence on layers that cannot have groups of the size that is asked for."""
    names = ", ".join(left_out[:4]) + (f" and {len(left_out) - 4} more" if len(left_out) > 4 else "")
    return f"one scale per channel, as groups of {size} do not divide the weights of an output: {names}"


def choose_group_scales(
    target: FloatArray,
    bits: int,
    size: int,
    method: weights.WeightRange,
    hessian: FloatArray | None,
    *,
    alike: bool,
    lowest: Scales,
) -> GroupScales:
    """Scales to round from.

    Args:
        target: weights, `[..., out, in]`.
        bits: 1 to 8.
        size: of a group.
        method: what the scale of each group makes small.
        hessian: `[..., in, in]`, for HESSIAN.
        alike: all rows have the same scale; their factors differ.
        lowest: bounds that no scale of a row goes below, `[..., out]`.
    """
    blocks = np.swapaxes(_split(target, size), -2, -3)
    parts = None if hessian is None else _diagonal(hessian, size)
    wanted = np.swapaxes(weights.choose_scales(blocks, bits, method=method, hessian=parts), -1, -2)
    # A group of zeros asks for nothing; nor does a row of them.
    wanted = np.where(_split(target, size).any(axis=-1), wanted, 0)
    most = _most(bits, target.shape[-1])
    rows = wanted.max(axis=-1)
    rows = np.where(rows > 0, rows, rows.max() or 1) / most
    rows = np.maximum(np.maximum(rows, np.finfo(np.float32).tiny).astype(np.float32), lowest)
    scales = rows if not alike else np.full_like(rows, rows.max())
    return _nearer(blocks, parts, wanted / scales[..., None], scales, bits, most)


def _most(bits: int, depth: int) -> int:
    """The largest factor with which no sum can leave its place."""
    room = _LARGEST_SUM // (_LARGEST_INPUT * -weights.integer_range(bits)[0] * depth)
    return int(np.clip(room, 1, _LARGEST_FACTOR))


def _split(target: FloatArray, size: int) -> FloatArray:
    """`[..., out, groups, size]`."""
    return target.reshape(*target.shape[:-1], -1, size)


def _diagonal(hessian: FloatArray, size: int) -> FloatArray:
    """The part of each group, `[..., groups, size, size]`."""
    starts = range(0, hessian.shape[-1], size)
    return np.stack([hessian[..., s : s + size, s : s + size] for s in starts], axis=-3)


def _nearer(
    blocks: FloatArray, parts: FloatArray | None, ratios: FloatArray, scales: Scales, bits: int, most: int
) -> GroupScales:
    """Of the two factors beside each ratio that with the smaller error; `blocks` are `[..., groups, out, size]`."""
    found = []
    for factors in (np.floor(ratios + _ROUNDING), np.ceil(ratios - _ROUNDING)):
        allowed = np.clip(factors, 1, most)
        steps = np.swapaxes(scales[..., None] * allowed, -1, -2)
        error = weights.squared_error(blocks, weights.round_to(blocks, steps, bits), steps, parts)
        found.append((allowed, np.swapaxes(error, -1, -2)))
    (low, low_error), (high, high_error) = found
    factors = np.where(low_error < high_error, low, high).astype(np.uint8)
    return GroupScales(scales, factors, blocks.shape[-1])


def descend_groups(
    target: FloatArray,
    integers: Integers,
    hessian: FloatArray,
    scales: GroupScales,
    bits: int,
    *,
    alike: bool,
    lowest: Scales,
) -> tuple[Integers, GroupScales]:
    """As `gptq.descend`, factors being improved as well; the error never grows.

    Args:
        target: weights, `[..., out, in]`.
        integers: to start from.
        hessian: `[..., in, in]`.
        scales: to start from.
        bits: 1 to 8.
        alike: all rows have the same scale.
        lowest: bounds that no scale of a row goes below, `[..., out]`.
    """
    heavy = gptq.damped(hessian)
    for _ in range(gptq.ROUNDS):
        integers = gptq.refine(target, integers, hessian, scales.steps, bits)
        scales = refit_factors(target, integers, heavy, scales, _most(bits, target.shape[-1]))
        products = integers * scales.columns
        rows = gptq.refit_scales(target, products, heavy, scales.rows, per_channel=not alike, lowest=lowest)
        scales = GroupScales(rows, scales.factors, scales.size)
    return gptq.refine(target, integers, hessian, scales.steps, bits), scales


def refit_factors(
    target: FloatArray, integers: Integers, hessian: FloatArray, scales: GroupScales, most: int
) -> GroupScales:
    """For each group in turn the factor with the least error, all other things being as they are.

    Args:
        target: weights, `[..., out, in]`.
        integers: `[..., out, in]`.
        hessian: `[..., in, in]`, damped where `refine` damped it.
        scales: to start from.
        most: the largest factor.
    """
    steps = scales.rows.astype(np.float64)[..., None]
    factors = scales.factors.astype(np.float64)
    gradient = (target - integers * scales.steps) @ hessian
    for group, start in enumerate(range(0, target.shape[-1], scales.size)):
        part = slice(start, start + scales.size)
        # What one more of the factor adds to the group's weights.
        more = integers[..., part] * steps
        weighted = more @ hessian[..., part, :]
        curvature = (weighted[..., part] * more).sum(axis=-1)
        slope = (gradient[..., part] * more).sum(axis=-1)
        change = np.divide(slope, curvature, out=np.zeros_like(slope), where=curvature > 0)
        best = np.clip(np.rint(factors[..., group] + change), 1, most)
        gradient -= (best - factors[..., group])[..., None] * weighted
        factors[..., group] = best
    return GroupScales(scales.rows, factors.astype(np.uint8), scales.size)
