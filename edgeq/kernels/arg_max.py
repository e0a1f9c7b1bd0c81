"""Kernels that find the index of the largest or smallest element."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.arg_max import ArgMaxParams

KERNELS = tuple(
    Kernel(
        name=f"edgeq_arg_max_{elements}_{index}",
        family="arg_max",
        ops=("arg_max", "arg_min"),
        params=ArgMaxParams,
        inputs=(elements,),
        outputs=(index,),
    )
    for elements in ("s8", "s16")
    for index in ("s32", "s64")
)
