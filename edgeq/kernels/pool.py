"""Kernels for pools."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.op import Params
from edgeq.ops.pool import PoolParams, ScaledPoolParams


def _kernel(name: str, op: str, params: type[Params], dtype: str) -> Kernel:
    return Kernel(
        name=f"edgeq_{name}_{dtype}",
        family="pool",
        ops=(op,),
        params=params,
        inputs=(dtype,),
        outputs=(dtype,),
    )


KERNELS = tuple(
    _kernel(name, op, params, dtype)
    for name, op, params in (
        ("avg_pool2d", "avg_pool2d", PoolParams),
        ("avg_pool2d_scaled", "avg_pool2d", ScaledPoolParams),
        ("max_pool2d", "max_pool2d", PoolParams),
    )
    for dtype in ("s8", "s16")
)
