"""Kernels for products of matrices; of 4 bits, the second one is a constant, packed."""

from edgeq.kernels import dsp_matmul
from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import products
from edgeq.ops.batch_matmul import BatchMatmulParams

_ACTIVATIONS = (("s8", "s8"), ("s8", "s16"), ("s16", "s8"), ("s16", "s16"))
"""Of the first matrix and the output."""

KERNELS = (
    Kernel(
        name="edgeq_batch_matmul_s8",
        family="batch_matmul",
        ops=("batch_matmul",),
        params=BatchMatmulParams,
        inputs=("s8", "s8"),
        outputs=("s8",),
        overlap=products("s8", "s8"),
    ),
    Kernel(
        name="edgeq_batch_matmul_s8_s16",
        family="batch_matmul",
        ops=("batch_matmul",),
        params=BatchMatmulParams,
        inputs=("s8", "s8"),
        outputs=("s16",),
        overlap=products("s8", "s16"),
    ),
    Kernel(
        name="edgeq_batch_matmul_s16_s8",
        family="batch_matmul",
        ops=("batch_matmul",),
        params=BatchMatmulParams,
        inputs=("s16", "s16"),
        outputs=("s8",),
        overlap=products("s16", "s8"),
    ),
    Kernel(
        name="edgeq_batch_matmul_s16",
        family="batch_matmul",
        ops=("batch_matmul",),
        params=BatchMatmulParams,
        inputs=("s16", "s16"),
        outputs=("s16",),
        overlap=products("s16", "s16"),
    ),
    *(
        Kernel(
            name=f"edgeq_batch_matmul_packed_{x}" if x == y else f"edgeq_batch_matmul_packed_{x}_{y}",
            family="batch_matmul",
            ops=("batch_matmul",),
            params=BatchMatmulParams,
            inputs=(x, "s4"),
            outputs=(y,),
        )
        for x, y in _ACTIVATIONS
    ),
    Kernel(
        name="edgeq_batch_matmul_s8__dsp",
        family="batch_matmul",
        isa="dsp",
        ops=("batch_matmul",),
        accepts=BatchMatmulParams,
        params=dsp_matmul.BatchMatmulDspParams,
        refuses=dsp_matmul.refuses,
        pack=dsp_matmul.pack,
        inputs=("s8", "s8"),
        outputs=("s8",),
        scratch=dsp_matmul.scratch,
        units=dsp_matmul.units,
    ),
)
