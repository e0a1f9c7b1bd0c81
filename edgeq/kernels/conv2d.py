"""Kernels for convolutions."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.conv2d import Conv2dParams

KERNELS = (
    Kernel(
        name="edgeq_conv2d_s8",
        family="conv2d",
        ops=("conv2d",),
        params=Conv2dParams,
        inputs=("s8",),
        outputs=("s8",),
    ),
    Kernel(
        name="edgeq_depthwise_conv2d_s8",
        family="conv2d",
        ops=("depthwise_conv2d",),
        params=Conv2dParams,
        inputs=("s8",),
        outputs=("s8",),
    ),
)
