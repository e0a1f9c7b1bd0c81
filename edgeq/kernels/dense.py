"""Kernels for dense layers."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.dense import DenseParams, DenseS16Params

KERNELS = (
    Kernel(
        name="edgeq_dense_s8",
        family="dense",
        ops=("dense",),
        params=DenseParams,
        inputs=("s8",),
        outputs=("s8",),
    ),
    Kernel(
        name="edgeq_dense_s8_s16",
        family="dense",
        ops=("dense",),
        params=DenseParams,
        inputs=("s8",),
        outputs=("s16",),
    ),
    Kernel(
        name="edgeq_dense_s16_s8",
        family="dense",
        ops=("dense",),
        params=DenseS16Params,
        inputs=("s16",),
        outputs=("s8",),
    ),
    Kernel(
        name="edgeq_dense_s16",
        family="dense",
        ops=("dense",),
        params=DenseS16Params,
        inputs=("s16",),
        outputs=("s16",),
    ),
)
