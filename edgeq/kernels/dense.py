"""Kernels for dense layers."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.dense import DenseParams

KERNELS = (
    Kernel(
        name="edgeq_dense_s8",
        family="dense",
        ops=("dense",),
        params=DenseParams,
        inputs=("s8",),
        outputs=("s8",),
    ),
)
