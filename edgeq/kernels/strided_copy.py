"""Kernels that read a tensor in another order."""

from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import gathered_runs
from edgeq.ops.strided_copy import StridedCopyParams

KERNELS = (
    Kernel(
        name="edgeq_strided_copy_x8",
        family="strided_copy",
        ops=("broadcast", "slice", "transpose"),
        params=StridedCopyParams,
        inputs=("x8",),
        outputs=("x8",),
        overlap=gathered_runs,
    ),
)
