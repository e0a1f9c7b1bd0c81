"""Kernels that change scale, zero point or element type."""

from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import elementwise
from edgeq.ops.requantize import RequantizeParams


def _kernel(before: str, after: str) -> Kernel:
    """Elements are read and written one by one."""
    return Kernel(
        name=f"edgeq_requantize_{before}_{after}",
        family="requantize",
        ops=("requantize",),
        params=RequantizeParams,
        inputs=(before,),
        outputs=(after,),
        overlap=elementwise(before, after),
    )


KERNELS = (
    _kernel("s8", "s8"),
    _kernel("s8", "u8"),
    _kernel("u8", "s8"),
    _kernel("s8", "s16"),
    _kernel("s16", "s8"),
    _kernel("s16", "s16"),
)
