"""Kernels for mirrored borders."""

from edgeq.kernels.kernel import Kernel
from edgeq.ops.mirror_pad import MirrorPadParams

KERNELS = (
    Kernel(
        name="edgeq_mirror_pad_x8",
        family="mirror_pad",
        ops=("mirror_pad",),
        params=MirrorPadParams,
        inputs=("x8",),
        outputs=("x8",),
    ),
)
