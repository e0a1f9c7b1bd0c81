"""The kernel for L2 normalisation."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.l2_normalize import L2NormalizeParams

KERNELS = (
    Kernel(
        name="edgeq_l2_normalize_s8",
        family="l2_normalize",
        ops=("l2_normalize",),
        params=L2NormalizeParams,
        inputs=("s8",),
        outputs=("s8",),
        inplace=(0,),
    ),
)
