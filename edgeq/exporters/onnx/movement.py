"""Exporters of ops that move data."""

from collections.abc import Mapping

import numpy as np

from edgeq.errors import Refusal
from edgeq.exporters.onnx.context import Exporter, NodeContext


def _pad(op: NodeContext) -> str:
    paddings = op.integers((*op.attrs.before, *op.attrs.after), "paddings")
    value = [op.constant(op.number(1), "value")] if op.has(1) else []
    return op.result("Pad", [op.input(0), paddings, *value], mode="constant")


def _mirror_pad(op: NodeContext) -> str:
    """Without `reflect` the outermost elements are repeated, which no mode does: they are gathered, axis by axis."""
    if op.attrs.reflect:
        paddings = op.integers((*op.attrs.before, *op.attrs.after), "paddings")
        return op.result("Pad", [op.input(0), paddings], mode="reflect")
    borders = zip(op.shape(0), op.attrs.before, op.attrs.after, strict=True)
    picks = {i: np.pad(np.arange(n), (b, a), mode="symmetric") for i, (n, b, a) in enumerate(borders) if b or a}
    tensor = op.input(0)
    for number, (axis, indices) in enumerate(picks.items(), 1):
        operands = [tensor, op.integers(indices.tolist(), "indices")]
        last = number == len(picks)
        tensor = op.result("Gather", operands, axis=axis) if last else op.moved(0, "Gather", operands, axis=axis)
    return tensor


def _slice(op: NodeContext) -> str:
    attrs = op.attrs
    geometry = zip(attrs.begin, attrs.size, attrs.stride, op.shape(0), strict=True)
    ends = [b + n * s if b + n * s >= 0 else -dim - 1 for b, n, s, dim in geometry]
    vectors = (attrs.begin, ends, range(len(ends)), attrs.stride)
    names = ("starts", "ends", "axes", "steps")
    return op.result("Slice", [op.input(0), *(op.integers([*v], n) for v, n in zip(vectors, names, strict=True))])


def _gather(op: NodeContext) -> str:
    if op.attrs.batch_dims:
        raise Refusal(f"gathers with {op.attrs.batch_dims} batch dimensions; accepted: none")
    return op.result("Gather", op.inputs(), axis=op.attrs.axis)


EXPORTERS: Mapping[str, Exporter] = {
    "broadcast": Exporter(lambda op: op.result("Expand", [op.input(0), op.integers(op.attrs.shape, "shape")])),
    "concat": Exporter(lambda op: op.result("Concat", op.inputs(), axis=op.attrs.axis)),
    "gather": Exporter(_gather),
    "mirror_pad": Exporter(_mirror_pad),
    "pad": Exporter(_pad),
    "reshape": Exporter(lambda op: op.result("Reshape", [op.input(0), op.integers(op.attrs.shape, "shape")])),
    "slice": Exporter(_slice),
}
