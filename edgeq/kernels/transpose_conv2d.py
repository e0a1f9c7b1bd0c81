"""Kernels for transposed convolutions."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.transpose_conv2d import TransposeConv2dParams

KERNELS = (
    Kernel(
        name="edgeq_transpose_conv2d_s8",
        family="transpose_conv2d",
        ops=("transpose_conv2d",),
        params=TransposeConv2dParams,
        inputs=("s8",),
        outputs=("s8",),
    ),
)
