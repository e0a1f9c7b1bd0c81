"""Kernels for L2 normalisation."""

from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import elementwise, rows_of_depth
from edgeq.ops.l2_normalize import L2NormalizeParams

KERNELS = tuple(
    Kernel(
        name=f"edgeq_l2_normalize_{dtype}",
        family="l2_normalize",
        ops=("l2_normalize",),
        params=L2NormalizeParams,
        inputs=(dtype,),
        outputs=(dtype,),
        inplace=(0,),
        overlap=elementwise(dtype, dtype, rows_of_depth),
    )
    for dtype in ("s8", "s16")
)
