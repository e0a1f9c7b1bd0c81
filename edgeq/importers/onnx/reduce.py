"""Converters for operators that reduce along axes. What has no op is composed of elementwise ops around a sum."""

from collections.abc import Callable

import numpy as np

from edgeq.errors import Refusal
from edgeq.importers.onnx.axes import listed, normalize_axes, normalize_axis
from edgeq.importers.onnx.builder import Converter, OpContext
from edgeq.importers.onnx.slicing import stretch
from edgeq.ir import DType
from edgeq.ops.arg_max import ArgMaxAttrs
from edgeq.ops.concat import ConcatAttrs
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.gather import GatherAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.reduce import ReduceAttrs

_LONGEST_PRODUCT = 64
"""Factors of a product, each pair of which is a multiplication."""


def _axes(op: OpContext) -> tuple[int, ...]:
    """Ascending; all of them where none is listed, unless the operator says that this means none."""
    rank = len(op.type(0).shape)
    axes = listed(op, "axes", 1)
    if not axes:
        return () if op.int_attr("noop_with_empty_axes", 0) else tuple(range(rank))
    return tuple(sorted(normalize_axes(axes, rank)))


def _reduced(op: OpContext, ir_op: str, value: str, axes: tuple[int, ...], *, keep_dims: bool) -> str:
    return op.emit(ir_op, [value], ReduceAttrs(axes, keep_dims)) if axes else value


def _reduction(ir_op: str, before: str = "", after: str = "") -> Converter:
    """A reduction of a function of each element, and a function of what comes out."""

    def convert(op: OpContext) -> None:
        value = op.required(0)
        if before:
            value = op.emit(before, [value], UnaryAttrs())
        value = _reduced(op, ir_op, value, _axes(op), keep_dims=bool(op.int_attr("keepdims", 1)))
        op.output(op.emit(after, [value], UnaryAttrs()) if after else value)

    return Converter(convert, tuple(name for name in (before, ir_op, after) if name), _CONSTANT_AXES)


_CONSTANT_AXES = "constant axes"


def _log_sum_exp(op: OpContext) -> None:
    """The largest element is taken out of the exponentials, so that none is above 1."""
    axes, keep_dims = _axes(op), bool(op.int_attr("keepdims", 1))
    x = op.required(0)
    largest = _reduced(op, "reduce_max", x, axes, keep_dims=True)
    exponentials = op.emit("exp", [op.emit("sub", [x, largest], ArithmeticAttrs())], UnaryAttrs())
    logarithm = op.emit("log", [_reduced(op, "sum", exponentials, axes, keep_dims=True)], UnaryAttrs())
    result = op.emit("add", [logarithm, largest], ArithmeticAttrs())
    op.output(result if keep_dims else _without(op, result, axes))


def _product(op: OpContext) -> None:
    """Axis by axis, the halves of an axis are multiplied, and an odd last element kept, until one element is left."""
    axes, value = _axes(op), op.required(0)
    count = int(np.prod([op.type(0).shape[axis] for axis in axes], dtype=np.int64))
    if count > _LONGEST_PRODUCT:
        raise Refusal(f"a product of {count} elements; accepted: up to {_LONGEST_PRODUCT}")
    for axis in axes:
        while (size := op.type_of(value).shape[axis]) > 1:
            half = size // 2
            halves = [stretch(op, value, axis, 0, half), stretch(op, value, axis, half, half)]
            product = op.emit("mul", halves, ArithmeticAttrs())
            odd = [stretch(op, value, axis, size - 1, 1)] if size % 2 else []
            value = op.emit("concat", [product, *odd], ConcatAttrs(axis)) if odd else product
    op.output(value if op.int_attr("keepdims", 1) else _without(op, value, axes))


def _without(op: OpContext, value: str, axes: tuple[int, ...]) -> str:
    """Without these dimensions, which have size 1."""
    shape = op.type_of(value).shape
    return op.reshape(value, tuple(n for i, n in enumerate(shape) if i not in axes))


def _arg(ir_op: str) -> Callable[[OpContext], None]:
    """The last of equal elements is the first one from the back; a table turns the index round again."""

    def convert(op: OpContext) -> None:
        shape = op.type(0).shape
        axis = normalize_axis(op.int_attr("axis", 0), len(shape))
        size, value = shape[axis], op.required(0)
        if op.int_attr("select_last_index", 0) and size > 1:
            reverse = stretch(op, value, axis, size - 1, size, -1)
            index = op.emit(ir_op, [reverse], ArgMaxAttrs(axis), dtype=DType.S32)
            table = op.add_constant(np.arange(size - 1, -1, -1, dtype=np.int64), "reverse")
            value = op.emit("gather", [table, index], GatherAttrs(0))
        else:
            value = op.emit(ir_op, [value], ArgMaxAttrs(axis), dtype=DType.S64)
        keep = op.int_attr("keepdims", 1)
        op.output(op.reshape(value, (*shape[:axis], 1, *shape[axis + 1 :])) if keep else value)

    return convert


CONVERTERS = {
    "ArgMax": Converter(_arg("arg_max"), ("arg_max", "slice", "gather")),
    "ArgMin": Converter(_arg("arg_min"), ("arg_min", "slice", "gather")),
    "ReduceL1": _reduction("sum", before="abs"),
    "ReduceL2": _reduction("sum", before="square", after="sqrt"),
    "ReduceLogSum": _reduction("sum", after="log"),
    "ReduceLogSumExp": Converter(_log_sum_exp, ("reduce_max", "sub", "exp", "sum", "log", "add"), _CONSTANT_AXES),
    "ReduceMax": _reduction("reduce_max"),
    "ReduceMean": _reduction("mean"),
    "ReduceMin": _reduction("reduce_min"),
    "ReduceProd": Converter(_product, ("slice", "mul", "concat"), f"up to {_LONGEST_PRODUCT} factors"),
    "ReduceSum": _reduction("sum"),
    "ReduceSumSquare": _reduction("sum", before="square"),
}
