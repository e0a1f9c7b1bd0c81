"""Kernels that reduce along axes."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.reduce import ReduceMaxParams, SumParams

KERNELS = (
    Kernel(
        name="edgeq_reduce_max_s8",
        family="reduce",
        ops=("reduce_max", "reduce_min"),
        params=ReduceMaxParams,
        inputs=("s8",),
        outputs=("s8",),
        inplace=(0,),
    ),
    Kernel(
        name="edgeq_sum_s8",
        family="reduce",
        ops=("mean", "sum"),
        params=SumParams,
        inputs=("s8",),
        outputs=("s8",),
        inplace=(0,),
    ),
)
