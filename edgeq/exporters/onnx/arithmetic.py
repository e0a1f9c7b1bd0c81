"""Exporters of arithmetic on several values, of reductions, and of what only changes the integers of a value."""

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto

from edgeq.exporters.onnx.context import Exporter, NodeContext
from edgeq.ir import DType


def _binary(op_type: str) -> Exporter:
    return Exporter(lambda op: op.result(op_type, op.inputs()))


def _squared_difference(op: NodeContext) -> str:
    difference = op.emit("Sub", op.inputs())
    return op.result("Pow", [difference, op.constant(np.array(2, np.float32), "exponent")])


def _reduction(op_type: str, opset: int) -> Exporter:
    """The axes are an input, in the case of most since opset 18."""

    def export(op: NodeContext) -> str:
        axes = op.integers(op.attrs.axes, "axes")
        return op.result(op_type, [op.input(0), axes], opset, keepdims=int(op.attrs.keep_dims))

    return Exporter(export)


def _mean(op: NodeContext) -> str:
    shape = op.shape(0)
    if op.attrs.keep_dims and len(shape) > 2 and op.attrs.axes == tuple(range(2, len(shape))):
        return op.result("GlobalAveragePool", [op.input(0)])
    return _reduction("ReduceMean", 18).export(op)


def _arg(op_type: str) -> Exporter:
    """Indices are of 64 bits there."""

    def export(op: NodeContext) -> str:
        attributes = {"axis": op.attrs.axis, "keepdims": 0}
        if op.output.dtype is DType.S64:
            return op.result(op_type, [op.input(0)], **attributes)
        return op.result("Cast", [op.emit(op_type, [op.input(0)], **attributes)], to=TensorProto.INT32)

    return Exporter(export)


EXPORTERS: Mapping[str, Exporter] = {
    "add": _binary("Add"),
    "arg_max": _arg("ArgMax"),
    "arg_min": _arg("ArgMin"),
    "maximum": _binary("Max"),
    "mean": Exporter(_mean),
    "minimum": _binary("Min"),
    "mul": _binary("Mul"),
    "prelu": _binary("PRelu"),
    "quantize": Exporter(lambda op: op.input(0)),
    "reduce_max": _reduction("ReduceMax", 18),
    "reduce_min": _reduction("ReduceMin", 18),
    "requantize": Exporter(lambda op: op.input(0)),
    "squared_difference": Exporter(_squared_difference),
    "sub": _binary("Sub"),
    "sum": _reduction("ReduceSum", 0),
}
