"""All C kernels. To add one: a row in its family's file; to add a family: a file and a line here."""

from edgeq.kernels import (
    arg_max,
    batch_matmul,
    bipolar,
    concat,
    conv2d,
    copy,
    dense,
    elementwise,
    gather,
    l2_normalize,
    lookup,
    mirror_pad,
    pad,
    pool,
    quantize,
    reduce,
    requantize,
    resize,
    softmax,
    strided_copy,
    transpose_conv2d,
)
from edgeq.kernels.kernel import Kernel

KERNELS: tuple[Kernel, ...] = (
    *arg_max.KERNELS,
    *batch_matmul.KERNELS,
    *concat.KERNELS,
    *conv2d.KERNELS,
    *copy.KERNELS,
    *dense.KERNELS,
    *elementwise.KERNELS,
    *gather.KERNELS,
    *l2_normalize.KERNELS,
    *lookup.KERNELS,
    *mirror_pad.KERNELS,
    *pad.KERNELS,
    *pool.KERNELS,
    *quantize.KERNELS,
    *reduce.KERNELS,
    *requantize.KERNELS,
    *resize.KERNELS,
    *bipolar.KERNELS,
    *softmax.KERNELS,
    *strided_copy.KERNELS,
    *transpose_conv2d.KERNELS,
)

__all__ = ["KERNELS", "Kernel"]
