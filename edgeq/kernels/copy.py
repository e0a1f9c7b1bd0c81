"""Kernels that copy bytes from one place to one other."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.reshape import CopyParams

KERNELS = (
    Kernel(
        name="edgeq_copy_x8",
        family="copy",
        ops=("reshape",),
        params=CopyParams,
        inputs=("x8",),
        outputs=("x8",),
    ),
)
