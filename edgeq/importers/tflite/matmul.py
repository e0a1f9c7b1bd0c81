"""Converters for matrix products: dense layers, and products of values that are computed at run time."""

import numpy as np
import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.context import Converter, OpContext
from edgeq.ir import DType, TensorType
from edgeq.ir.graph import Array
from edgeq.ops.batch_matmul import BatchMatmulAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.reshape import ReshapeAttrs

_NATURAL_ORDER = 0


def _fully_connected(op: OpContext) -> None:
    options = op.options(tflite.FullyConnectedOptions)
    if options.WeightsFormat() != _NATURAL_ORDER:
        raise Refusal(f"weights format {options.WeightsFormat()}; accepted: 0, the natural order")
    fused = options.FusedActivationFunction()
    rows = _rows(op, keep_dims=options.KeepNumDims())
    if op.is_constant(1):
        op.emit_fused("dense", [rows, op.weights(1), *op.inputs()[2:]], DenseAttrs(), fused)
    elif not op.has_input(2):
        op.emit_fused("batch_matmul", [rows, op.input(1)], BatchMatmulAttrs(adj_y=True), fused)
    elif op.computes_floats():
        products = op.emit_hidden(
            "batch_matmul", [rows, op.input(1)], BatchMatmulAttrs(adj_y=True), like=op.output_type()
        )
        op.emit_fused("add", [products, op.input(2)], ArithmeticAttrs(), fused)
    else:
        raise Refusal("the weights are computed at run time and there is a bias; accepted: one of the two")


def _rows(op: OpContext, *, keep_dims: bool) -> str:
    """The input as rows of as many values as a row of the weights has."""
    x, weights = op.type(0), op.type(1)
    if len(weights.shape) != 2:
        raise Refusal(f"weights {weights} have rank {len(weights.shape)}; expected 2")
    features = weights.shape[1]
    if x.size % features:
        raise Refusal(f"input {x} does not consist of rows of {features} values, as weights {weights} want")
    rows = (x.size // features, features)
    if keep_dims or x.shape == rows:
        return op.input(0)
    return op.emit_hidden("reshape", [op.input(0)], ReshapeAttrs(rows), like=x)


def _batch_matmul(op: OpContext) -> None:
    """A matrix of float weights makes a dense layer of it, which may have a scale per output."""
    options = op.options(tflite.BatchMatMulOptions)
    attrs = BatchMatmulAttrs(options.AdjX(), options.AdjY())
    weights = None if attrs.adj_x else _float_matrix(op)
    if weights is None:
        op.emit("batch_matmul", op.inputs(), attrs)
        return
    rows = np.ascontiguousarray(weights if attrs.adj_y else weights.T)
    constant = op.add_constant(rows, TensorType(rows.shape, DType.F32))
    op.emit("dense", [op.input(0), constant], DenseAttrs())


def _float_matrix(op: OpContext) -> Array | None:
    """The right operand, where it is one constant matrix of floats for all of the left one; otherwise None."""
    if not (op.arity == 2 and op.computes_floats() and op.is_constant(1) and op.type(1).dtype.is_float):
        return None
    left, right = op.type(0).shape, op.type(1).shape
    if not 2 <= len(right) <= len(left) or any(d != 1 for d in right[:-2]):
        return None
    return op.constant(1, "the right matrix").reshape(right[-2:])


CONVERTERS = {
    "BATCH_MATMUL": Converter(_batch_matmul, ("batch_matmul", "dense"), "ranks 2 to 5"),
    "FULLY_CONNECTED": Converter(
        _fully_connected,
        ("dense", "batch_matmul", "reshape"),
        "weights that are computed at run time: without bias, but in float models",
    ),
}
