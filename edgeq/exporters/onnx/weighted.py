"""Exporters of ops with weights, and of products of matrices."""

import math
from collections.abc import Mapping

from edgeq.exporters.onnx.context import Exporter, NodeContext
from edgeq.exporters.onnx.images import pads


def _conv2d(op: NodeContext) -> str:
    return _conv(op, op.weights(1, (0, 3, 1, 2)), op.type(1).shape[1:3], op.attrs.groups)


def _depthwise_conv2d(op: NodeContext) -> str:
    return _conv(op, op.weights(1, (3, 0, 1, 2)), op.type(1).shape[1:3], op.type(0).shape[3])


def _conv(op: NodeContext, weights: str, kernel: tuple[int, ...], groups: int) -> str:
    return op.result(
        "Conv",
        [op.input(0), weights, *op.bias(2)],
        kernel_shape=kernel,
        strides=op.attrs.stride,
        dilations=op.attrs.dilation,
        pads=pads(op.attrs.padding),
        group=groups,
    )


def _transpose_conv2d(op: NodeContext) -> str:
    """What is lost behind the output follows from its size; a negative loss is a border of the output."""
    kernel, size = op.type(1).shape[1:3], op.type(0).shape[1:3]
    geometry = zip(size, op.attrs.stride, kernel, op.attrs.padding, op.attrs.size, strict=True)
    behind = [(n - 1) * s + k - before - out for n, s, k, before, out in geometry]
    return op.result(
        "ConvTranspose",
        [op.input(0), op.weights(1, (3, 0, 1, 2)), *op.bias(2)],
        kernel_shape=kernel,
        strides=op.attrs.stride,
        pads=[*op.attrs.padding, *(max(b, 0) for b in behind)],
        output_padding=[max(-b, 0) for b in behind],
    )


def _dense(op: NodeContext) -> str:
    """Of a matrix; rows of a tensor of another rank are brought into one, as a product of tensors has no bias."""
    weights, bias, shape = op.weights(1, (0, 1)), op.bias(2), op.shape(0)
    if len(shape) == 2:
        return op.result("Gemm", [op.input(0), weights, *bias], transB=1)
    matrix = op.integers((math.prod(shape[:-1]), shape[-1]), "matrix")
    rows = op.moved(0, "Reshape", [op.input(0), matrix])
    product = op.emit("Gemm", [rows, weights, *bias], transB=1)
    return op.result("Reshape", [product, op.integers((*shape[:-1], op.type(1).shape[0]), "shape")])


def _batch_matmul(op: NodeContext) -> str:
    matrices = [
        _transposed(op, tensor, len(op.shape(i))) if adjoint else tensor
        for i, (tensor, adjoint) in enumerate(zip(op.inputs(), (op.attrs.adj_x, op.attrs.adj_y), strict=True))
    ]
    return op.result("MatMul", matrices)


def _transposed(op: NodeContext, tensor: str, rank: int) -> str:
    return op.emit("Transpose", [tensor], perm=(*range(rank - 2), rank - 1, rank - 2))


EXPORTERS: Mapping[str, Exporter] = {
    "batch_matmul": Exporter(_batch_matmul),
    "conv2d": Exporter(_conv2d, image=True),
    "dense": Exporter(_dense),
    "depthwise_conv2d": Exporter(_depthwise_conv2d, image=True),
    "transpose_conv2d": Exporter(_transpose_conv2d, image=True),
}
