"""Kernels for products of matrices that are both computed at run time."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.batch_matmul import BatchMatmulParams

KERNELS = (
    Kernel(
        name="edgeq_batch_matmul_s8",
        family="batch_matmul",
        ops=("batch_matmul",),
        params=BatchMatmulParams,
        inputs=("s8", "s8"),
        outputs=("s8",),
    ),
    Kernel(
        name="edgeq_batch_matmul_s8_s16",
        family="batch_matmul",
        ops=("batch_matmul",),
        params=BatchMatmulParams,
        inputs=("s8", "s8"),
        outputs=("s16",),
    ),
    Kernel(
        name="edgeq_batch_matmul_s16_s8",
        family="batch_matmul",
        ops=("batch_matmul",),
        params=BatchMatmulParams,
        inputs=("s16", "s16"),
        outputs=("s8",),
    ),
    Kernel(
        name="edgeq_batch_matmul_s16",
        family="batch_matmul",
        ops=("batch_matmul",),
        params=BatchMatmulParams,
        inputs=("s16", "s16"),
        outputs=("s16",),
    ),
)
