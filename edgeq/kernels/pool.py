"""Kernels for pools."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.pool import PoolParams

KERNELS = (
    Kernel(
        name="edgeq_avg_pool2d_s8",
        family="pool",
        ops=("avg_pool2d",),
        params=PoolParams,
        inputs=("s8",),
        outputs=("s8",),
    ),
    Kernel(
        name="edgeq_max_pool2d_s8",
        family="pool",
        ops=("max_pool2d",),
        params=PoolParams,
        inputs=("s8",),
        outputs=("s8",),
    ),
)
