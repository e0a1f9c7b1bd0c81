"""Kernels for borders of one value."""

from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import scattered_runs
from edgeq.ops.pad import PadParams

KERNELS = (
    Kernel(
        name="edgeq_pad_x8",
        family="pad",
        ops=("pad",),
        params=PadParams,
        inputs=("x8",),
        outputs=("x8",),
        overlap=scattered_runs,
    ),
)
