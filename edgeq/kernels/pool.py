"""Kernels for pools."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.pool import PoolParams

KERNELS = tuple(
    Kernel(
        name=f"edgeq_{op}_{dtype}",
        family="pool",
        ops=(op,),
        params=PoolParams,
        inputs=(dtype,),
        outputs=(dtype,),
    )
    for op in ("avg_pool2d", "max_pool2d")
    for dtype in ("s8", "s16")
)
