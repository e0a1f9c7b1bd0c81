"""Kernels that find the index of the largest or smallest element."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.arg_max import ArgMaxParams

KERNELS = (
    Kernel(
        name="edgeq_arg_max_s8_s32",
        family="arg_max",
        ops=("arg_max", "arg_min"),
        params=ArgMaxParams,
        inputs=("s8",),
        outputs=("s32",),
    ),
    Kernel(
        name="edgeq_arg_max_s8_s64",
        family="arg_max",
        ops=("arg_max", "arg_min"),
        params=ArgMaxParams,
        inputs=("s8",),
        outputs=("s64",),
    ),
)
