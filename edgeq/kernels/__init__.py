"""All C kernels. To add one: a row in its family's file; to add a family: a file and a line here."""

from edgeq.kernels import concat, conv2d, copy
from edgeq.kernels.kernel import Kernel

KERNELS: tuple[Kernel, ...] = (
    *concat.KERNELS,
    *conv2d.KERNELS,
    *copy.KERNELS,
)

__all__ = ["KERNELS", "Kernel"]
