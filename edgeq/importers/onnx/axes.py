"""Axes, which operators count from the back too, and which later opsets give as an input."""

from collections.abc import Sequence

from edgeq.errors import Refusal
from edgeq.importers.onnx.builder import OpContext


def normalize_axis(axis: int, rank: int) -> int:
    """An axis counted from the front; Refusal where the tensor has no such axis."""
    if not -rank <= axis < rank:
        raise Refusal(f"axis {axis} of a tensor of rank {rank}")
    return axis % rank


def normalize_axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front, in their order; Refusal where one comes twice."""
    counted = tuple(normalize_axis(axis, rank) for axis in axes)
    if len(set(counted)) != len(counted):
        raise Refusal(f"axes {list(axes)} of a tensor of rank {rank}; accepted: each once")
    return counted


def listed(op: OpContext, name: str, position: int) -> tuple[int, ...] | None:
    """Integers that are an attribute up to some opset and an input from there on; None where neither is there."""
    if op.has_attribute(name):
        return op.ints_attr(name)
    return op.integers(position, f"input {name!r}") if op.has(position) else None
