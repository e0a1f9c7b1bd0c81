"""Converters for matrix products: dense layers, and products of values that are computed at run time."""

import tflite

from edgeq.errors import Refusal
from edgeq.importers.tflite.builder import Converter, OpContext
from edgeq.ops.batch_matmul import BatchMatmulAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.reshape import ReshapeAttrs

_NATURAL_ORDER = 0


def _fully_connected(op: OpContext) -> None:
    options = op.options(tflite.FullyConnectedOptions)
    if options.WeightsFormat() != _NATURAL_ORDER:
        raise Refusal(f"weights format {options.WeightsFormat()}; accepted: 0, the natural order")
    activation = op.activation(options.FusedActivationFunction())
    rows = _rows(op, keep_dims=options.KeepNumDims())
    if op.is_constant(1):
        op.emit("dense", [rows, *op.inputs()[1:]], DenseAttrs(activation))
    elif op.has_input(2):
        raise Refusal("the weights are computed at run time and there is a bias; accepted: one of the two")
    else:
        op.emit("batch_matmul", [rows, op.input(1)], BatchMatmulAttrs(adj_y=True, activation=activation))


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
    options = op.options(tflite.BatchMatMulOptions)
    op.emit("batch_matmul", op.inputs(), BatchMatmulAttrs(options.AdjX(), options.AdjY()))


CONVERTERS = {
    "BATCH_MATMUL": Converter(_batch_matmul, ("batch_matmul",), "ranks 2 to 5"),
    "FULLY_CONNECTED": Converter(
        _fully_connected,
        ("dense", "batch_matmul", "reshape"),
        "weights that are computed at run time: without bias",
    ),
}
