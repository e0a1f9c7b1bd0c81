"""Kernels that reduce along axes."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.op import Params
from edgeq.ops.reduce import ReduceMaxParams, SumParams


def _kernel(stem: str, ops: tuple[str, ...], params: type[Params], dtype: str) -> Kernel:
    return Kernel(
        name=f"edgeq_{stem}_{dtype}",
        family="reduce",
        ops=ops,
        params=params,
        inputs=(dtype,),
        outputs=(dtype,),
        inplace=(0,),
    )


KERNELS = (
    *(_kernel("reduce_max", ("reduce_max", "reduce_min"), ReduceMaxParams, dtype) for dtype in ("s8", "s16")),
    *(_kernel("sum", ("mean", "sum"), SumParams, dtype) for dtype in ("s8", "s16")),
)
