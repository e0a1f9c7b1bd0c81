"""Kernels that pick slices by index."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.gather import GatherParams

KERNELS = (
    Kernel(
        name="edgeq_gather_x8",
        family="gather",
        ops=("gather",),
        params=GatherParams,
        inputs=("x8", "s32"),
        outputs=("x8",),
    ),
)
