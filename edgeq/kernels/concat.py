"""Kernels for concatenation."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.concat import ConcatParams

KERNELS = (
    Kernel(
        name="edgeq_concat_x8",
        family="concat",
        ops=("concat",),
        params=ConcatParams,
        inputs=("x8*",),
        outputs=("x8",),
    ),
)
