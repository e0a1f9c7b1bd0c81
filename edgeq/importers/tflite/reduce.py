"""Converters for operators that reduce along axes."""

from collections.abc import Callable

import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.importers.tflite.movement import normalize_axis
from edgeq.ops.arg_max import ArgMaxAttrs
from edgeq.ops.reduce import ReduceAttrs


def _reduce(ir_op: str) -> Callable[[OpContext], None]:
    def convert(op: OpContext) -> None:
        rank = len(op.type(0).shape)
        axes = {normalize_axis(axis, rank) for axis in op.integers(1, "the axes")}
        keep_dims = bool(op.options(tflite.ReducerOptions).KeepDims())
        op.emit(ir_op, [op.input(0)], ReduceAttrs(tuple(sorted(axes)), keep_dims))

    return convert


def _arg(ir_op: str) -> Callable[[OpContext], None]:
    def convert(op: OpContext) -> None:
        axes = op.integers(1, "the axis")
        if len(axes) != 1:
            raise Refusal(f"axes {list(axes)}; accepted: one")
        op.emit(ir_op, [op.input(0)], ArgMaxAttrs(normalize_axis(axes[0], len(op.type(0).shape))))

    return convert


CONVERTERS = {
    "ARG_MAX": Converter(_arg("arg_max"), ("arg_max",), "int8 or int16 to int32 or int64"),
    "ARG_MIN": Converter(_arg("arg_min"), ("arg_min",), "int8 or int16 to int32 or int64"),
    "MEAN": Converter(_reduce("mean"), ("mean",)),
    "REDUCE_MAX": Converter(_reduce("reduce_max"), ("reduce_max",), "input and output share scale and zero point"),
    "REDUCE_MIN": Converter(_reduce("reduce_min"), ("reduce_min",), "input and output share scale and zero point"),
    "SUM": Converter(_reduce("sum"), ("sum",)),
}
