"""Kernels for transposed convolutions."""

from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import transposed
from edgeq.ops.transpose_conv2d import TransposeConv2dParams, TransposeConv2dS16Params

KERNELS = (
    Kernel(
        name="edgeq_transpose_conv2d_s8",
        family="transpose_conv2d",
        ops=("transpose_conv2d",),
        params=TransposeConv2dParams,
        inputs=("s8",),
        outputs=("s8",),
        overlap=transposed("s8", "s8"),
    ),
    Kernel(
        name="edgeq_transpose_conv2d_s8_s16",
        family="transpose_conv2d",
        ops=("transpose_conv2d",),
        params=TransposeConv2dParams,
        inputs=("s8",),
        outputs=("s16",),
        overlap=transposed("s8", "s16"),
    ),
    Kernel(
        name="edgeq_transpose_conv2d_s16_s8",
        family="transpose_conv2d",
        ops=("transpose_conv2d",),
        params=TransposeConv2dS16Params,
        inputs=("s16",),
        outputs=("s8",),
        overlap=transposed("s16", "s8"),
    ),
    Kernel(
        name="edgeq_transpose_conv2d_s16",
        family="transpose_conv2d",
        ops=("transpose_conv2d",),
        params=TransposeConv2dS16Params,
        inputs=("s16",),
        outputs=("s16",),
        overlap=transposed("s16", "s16"),
    ),
)
